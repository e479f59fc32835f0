"""A process of a container at the terminal of the user who started it: raw, with its size given on."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]

from runtime.cli import terminal
from runtime.cli.exec import pump
from runtime.engine import exec as execs
from runtime.engine.resize import resize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.engine.exec import Running, Wanted
    from runtime.engine.paths import Paths
    from runtime.engine.pump import Pump


def run(paths: Paths, id: str, wanted: Wanted, keys: bytes) -> int:
    """Run a process; its exit code."""
    with terminal.Signals(proxied=False) as signals:

        def carried(running: Running) -> Pump:
            def heard() -> None:
                if signal.SIGWINCH in signals.take():
                    resize(running.stdin, terminal.size())

            resize(running.stdin, terminal.size())
            return pump(running, wanted, keys, woken=signals.woken, on_wake=heard)

        with terminal.raw(0, wanted.stdin):
            return execs.run(paths, id, wanted, carried)[0]
