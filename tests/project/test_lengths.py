"""Files and functions stay short. The budget is reported, the hard stop fails."""

import ast

import pytest

from tests.project.source import ROOT, functions, modules, tree

FILE_BUDGET, FILE_STOP = 400, 600
FUNCTION_BUDGET, FUNCTION_STOP = 40, 60

CHECKED = [name for name in modules() if name.partition(".")[0] in ("storage", "registry", "runtime")]


def file_lengths() -> dict[str, int]:
    """Lines by file."""
    return {str(modules()[name].relative_to(ROOT)): len(modules()[name].read_text().splitlines()) for name in CHECKED}


def function_lengths() -> dict[str, int]:
    """Lines by function, without its docstring."""
    lengths = {}
    for name in CHECKED:
        for function in functions(name):
            key = f"{modules()[name].relative_to(ROOT)}:{function.lineno} {function.name}"
            lengths[key] = _lines(function)
    return lengths


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    length = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        length -= (first.end_lineno or first.lineno) - first.lineno + 1
    return length


def test_files() -> None:
    report("files", file_lengths(), FILE_BUDGET)
    assert {name: lines for name, lines in file_lengths().items() if lines > FILE_STOP} == {}


def test_functions() -> None:
    report("functions", function_lengths(), FUNCTION_BUDGET)
    assert {name: lines for name, lines in function_lengths().items() if lines > FUNCTION_STOP} == {}


def report(what: str, lengths: dict[str, int], budget: int) -> None:
    """Print the tail: it is read with `make test ARGS="-s tests/project/test_lengths.py"`."""
    longest = sorted(lengths.items(), key=lambda item: -item[1])[:8]
    print(f"\n{what}: {len(lengths)}, over the budget of {budget}: {sum(n > budget for n in lengths.values())}")
    for name, lines in longest:
        print(f"{lines:6}  {name}")


@pytest.mark.parametrize("name", [name for name in CHECKED if tree(name).body])
def test_every_module_says_what_it_is_for(name: str) -> None:
    assert ast.get_docstring(tree(name)), f"{modules()[name]} has no docstring"
