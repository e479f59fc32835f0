"""A kernel that writes down what it is asked, in order, before another kernel does it: for tests of the order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runtime.syscall.kernel import Kernel


class Recording:
    """Wraps a kernel; `calls` holds the name and the arguments of each call, also of those that failed."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.calls: list[tuple[str, tuple[object, ...]]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call: Callable[..., Any] = getattr(self._kernel, name)

        def recorded(*arguments: object, **named: object) -> object:
            self.calls.append((name, (*arguments, *named.values())))
            return call(*arguments, **named)

        return recorded
