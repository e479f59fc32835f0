"""Ctrl-C up to the moment from which on a work is as good as done: it ends the work, or comes too late, never both."""

import signal
import threading
from types import FrameType, TracebackType

from registry.moving.transfer import Refused


class Interrupts:
    """A context of the main thread, in which SIGINT raises KeyboardInterrupt until `settle` was called.

    From then on it is ignored, to the end of the process: what is done must not look as if it were not.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a second signal may come in the handler of the first
        self._came = False
        self._settled = False

    def check(self) -> None:
        """Raises Refused when it came. Any thread."""
        if self._came:
            raise Refused("it was interrupted")

    def settle(self) -> None:
        """From now on it comes too late. Raises Refused when it came already. Any thread."""
        with self._lock:
            self.check()
            self._settled = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        with self._lock:
            if self._settled:
                return
            self._came = True
        raise KeyboardInterrupt

    def __enter__(self) -> "Interrupts":
        self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN if self._settled else self._before)
