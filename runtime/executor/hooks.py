"""Hooks: programs that the bundle names, run at fixed moments with the state on their standard input."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import time

from runtime.executor.documents import compact
from runtime.executor.errors import StartFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runtime.executor.log import Log

_OUTPUT_BYTES = 4096
_SIGKILL = 9


def run_hooks(config: dict[str, Any], name: str, state: dict[str, Any], log: Log | None = None) -> None:
    """Run the hooks of a moment in order. Raise StartFailed at the first that fails; with a log, warn and go on."""
    for place, hook in enumerate((config.get("hooks") or {}).get(name) or []):
        failure = _run(hook, compact(state))
        if not failure:
            continue
        text = f"error running {name} hook #{place}: {failure}"
        if log is None:
            raise StartFailed(text)
        log.warning(text)


def _run(hook: dict[str, Any], state: str) -> str:
    """Run one hook; return why it failed, or nothing."""
    read, write = os.pipe()
    out, err = os.pipe()
    child = os.fork()
    if not child:
        _execute(hook, read, err)
    os.close(read)
    os.close(err)
    try:
        os.write(write, state.encode())
    except BrokenPipeError:
        pass  # it does not want to know
    finally:
        os.close(write)
    return _wait(child, out, float(hook.get("timeout") or 0))


def default_signals() -> None:
    """Undo what Python does for itself at its start and a program would inherit: ignoring some signals."""
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)


def _execute(hook: dict[str, Any], read: int, err: int) -> None:
    path = str(hook["path"])
    try:
        os.dup2(read, 0)
        os.dup2(err, 1)
        os.dup2(err, 2)
        default_signals()
        environment = dict(each.partition("=")[::2] for each in hook.get("env") or [])
        os.execve(path, list(hook.get("args") or [path]), environment)  # noqa: S606 # the bundle's own program
    except OSError as error:
        os.write(2, f"exec {path}: {os.strerror(error.errno or 0).lower()}".encode())
    finally:
        os._exit(127)


def _wait(child: int, out: int, timeout: float) -> str:
    """Wait for a hook; its output is kept short, and what it leaves running does not keep us waiting."""
    os.set_blocking(out, False)
    end = time.monotonic() + timeout if timeout > 0 else float("inf")
    output, step = b"", 0.0005
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        try:
            while part := os.read(out, 4096):
                output = (output + part)[:_OUTPUT_BYTES]
        except BlockingIOError:
            pass  # nothing more yet
        if ended:
            break
        if time.monotonic() > end:
            os.kill(child, _SIGKILL)
            os.waitpid(child, 0)
            os.close(out)
            return f"hook ran past specified timeout of {timeout:.1f}s"
        time.sleep(step)
        step = min(step * 1.5, 0.01)
    os.close(out)
    code = os.waitstatus_to_exitcode(status)
    if not code:
        return ""
    how = f"exit status {code}" if code > 0 else f"signal {-code}"
    return f"{how}, output: {output.decode('utf-8', 'replace').strip()}"
