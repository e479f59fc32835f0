"""What clients asked of one register and were answered, and whether some order in time explains all of it.

A history is linear when every operation can be given one moment between its request and its answer, such that the
operations, done one by one in the order of those moments, give the answers that were seen. An operation whose answer
was lost may have happened at any moment after its request, or never; `lose` says until when it may.

The check walks through requests and answers in time and keeps every state that the register may be in: its value, and
which of the operations under way have happened already. An answer that no state explains breaks the history.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

ABSENT = ""

# The value after the operation, of a register that held this value before; None where its answer rules that value out.
Step = Callable[[str], str | None]


def put(value: str) -> Step:
    return lambda held: value


def deleted() -> Step:
    """A delete that found something. Not where answers are lost."""
    return lambda held: ABSENT if held else None


def erased() -> Step:
    """A delete that may have found nothing."""
    return lambda held: ABSENT


def seen(value: str) -> Step:
    return lambda held: held if held == value else None


def listed() -> Step:
    """It was in a list, which does not say what it holds. Not where answers are lost."""
    return lambda held: held or None


def swapped(expected: str, value: str) -> Step:
    """A write on the condition that the register held this."""
    return lambda held: value if held == expected else None


def refused(expected: str) -> Step:
    """The condition did not hold. Not where answers are lost."""
    return lambda held: held if held != expected else None


@dataclass(eq=False)
class Operation:
    """`what` is for people; `value` is what it writes, if it writes; `ended` and `told` are there with its answer."""

    what: str
    began: int
    step: Step
    value: str | None = None
    ended: int | None = None
    told: str | None = None
    lost: bool = False

    def line(self, zero: int) -> str:
        end = "lost" if self.lost or self.ended is None else f"{(self.ended - zero) / 1e6:.3f}"
        told = "" if self.told is None else f": {self.told or 'nothing'}"
        return f"[{(self.began - zero) / 1e6:.3f} .. {end} ms] {self.what}{told}"


@dataclass
class History:
    """The operations on many registers by their names; safe for many threads."""

    operations: dict[str, list[Operation]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, register: str, what: str, step: Step, value: str | None = None) -> Operation:
        """Before the request goes out; `step` is what it does if its answer is lost."""
        with self._lock:
            made = Operation(what, time.monotonic_ns(), step, value)
            self.operations[register].append(made)
            return made

    def end(self, operation: Operation, step: Step, told: str | None = None) -> None:
        """After the answer came in: what it did, and the value it told of, if it did."""
        operation.ended, operation.step, operation.told = time.monotonic_ns(), step, told

    def lose(self, operation: Operation, seconds: float) -> None:
        """No answer came, and after so many seconds it can happen no more: whoever was at it is dead or gave up."""
        operation.ended, operation.lost = time.monotonic_ns() + int(seconds * 1e9), True

    def void(self, register: str, operation: Operation) -> None:
        """It did nothing, and its answer tells nothing: it is left out."""
        with self._lock:
            self.operations[register].remove(operation)

    def problems(self) -> list[str]:
        return [f"{name}: {text}" for name, done in sorted(self.operations.items()) if (text := broken(done))]


State = tuple[str, frozenset[Operation]]


def broken(operations: Iterable[Operation], first: str = ABSENT) -> str:
    """What is wrong with the history of one register that held `first`; nothing when it is linear."""
    chosen = _without_echo(list(operations))
    under_way: set[Operation] = set()
    states: set[State] = {(first, frozenset())}
    for is_answer, operation in _in_time(chosen):
        if not is_answer:
            under_way.add(operation)
            continue
        left = _after(states, operation, under_way)
        if operation.lost:
            left |= {state for state in states if operation not in state[1]}
        if not left:
            return _story(chosen, operation, states)
        under_way.discard(operation)
        states = left
    return ""


def _in_time(operations: list[Operation]) -> Iterator[tuple[bool, Operation]]:
    """Requests and answers as they came; of the same moment, requests first."""
    moments = [(operation.began, False, number) for number, operation in enumerate(operations)]
    moments += [(op.ended, True, number) for number, op in enumerate(operations) if op.ended is not None]
    for _, is_answer, number in sorted(moments):
        yield is_answer, operations[number]


def _after(states: set[State], answered: Operation, under_way: set[Operation]) -> set[State]:
    """The states in which the answered operation has happened, reached by whatever else may have happened before it."""
    found: set[State] = set()
    known, waiting = set(states), list(states)
    while waiting:
        held, happened = waiting.pop()
        if answered in happened:
            found.add((held, happened - {answered}))
            continue
        for operation in under_way - happened:
            after = operation.step(held)
            if after is not None and (state := (after, happened | {operation})) not in known:
                known.add(state)
                waiting.append(state)
    return found


def _without_echo(operations: list[Operation]) -> list[Operation]:
    """Without the lost ones that nobody can tell of: reads, and writes of values that no answer names.

    So where answers are lost, no other answer may depend on such a value: see `listed`, `deleted` and `refused`.
    """
    answered = [op for op in operations if op.ended is not None and not op.lost]
    told = {op.told for op in answered}
    return answered + [op for op in operations if (op.lost or op.ended is None) and op.value in told - {None}]


def _story(operations: list[Operation], wrong: Operation, states: set[State]) -> str:
    zero = min(operation.began for operation in operations)
    assert wrong.ended is not None
    near = sorted((op for op in operations if op.began <= wrong.ended), key=lambda op: op.ended or op.began)[-12:]
    held = sorted({held or "nothing" for held, _ in states})
    lines = [op.line(zero) for op in near]
    return "\n  ".join([f"not linear: {wrong.line(zero)}; it may have held {' or '.join(held)} before", *lines])
