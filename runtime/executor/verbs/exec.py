"""exec: run another process in a container that is there."""

from __future__ import annotations

import os

from runtime.executor.addition import prepared, running, start
from runtime.executor.arguments import LIST, SWITCH, VALUE
from runtime.executor.documents import read
from runtime.executor.errors import UsageError
from runtime.executor.foreground import Foreground, check_console
from runtime.executor.loading import module
from runtime.executor.paths import replace
from runtime.executor.plan import check_preserved
from runtime.syscall.processes import PR_SET_CHILD_SUBREAPER, prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runtime.executor.plan import Plan
    from runtime.executor.program import Call

FLAGS = {
    "console-socket": VALUE,
    "cwd": VALUE,
    "env": LIST,
    "tty": SWITCH,
    "user": VALUE,
    "additional-gids": LIST,
    "process": VALUE,
    "detach": SWITCH,
    "pid-file": VALUE,
    "process-label": VALUE,
    "apparmor": VALUE,
    "no-new-privs": SWITCH,
    "cap": LIST,
    "preserve-fds": VALUE,
    "ignore-paused": SWITCH,
    "no-subreaper": SWITCH,
}
SHORT = {"e": "env", "t": "tty", "u": "user", "g": "additional-gids", "p": "process", "d": "detach", "c": "cap"}
STOP = 1


def run(call: Call) -> int:
    """Run it; the status is its own unless it is detached. Raise ExecutorError."""
    given = call.given
    if not given.words:
        raise UsageError('"exec" requires a container id')
    state = running(call.root, given.words[0], paused=given.has("ignore-paused"))
    config = state.config()
    process = _process(call, config)
    detach = given.has("detach")
    check_console(call, detach=detach, terminal=bool(process.get("terminal")))
    socket = given.text("console-socket")
    plan = prepared(state, config, process, module("sockets").connect(socket) if socket else None)
    plan.preserved = given.number("preserve-fds")
    check_preserved(plan.preserved)
    return _launch(call, plan, detach=detach)


def _launch(call: Call, plan: Plan, *, detach: bool) -> int:
    foreground = None
    if not detach:
        foreground = Foreground(terminal=bool(plan.process.get("terminal")))
        plan.console = foreground.console
        if plan.console is not None:
            module("console")
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        foreground.watch()
    pid = start(plan, {})
    if call.given.text("pid-file"):
        replace(os.path.abspath(call.given.text("pid-file")), str(pid), 0o644)
    return 0 if foreground is None else foreground.stay(pid)


def _process(call: Call, config: dict[str, Any]) -> dict[str, Any]:
    """The process to run: a document, or the container's own one with the flags' changes."""
    given = call.given
    if given.text("process"):
        return read(given.text("process"))
    if len(given.words) < 2:
        raise UsageError("process args cannot be empty")
    process = dict(config.get("process") or {})
    process["args"] = given.words[1:]
    process["terminal"] = given.has("tty")
    process["env"] = [*(process.get("env") or []), *given.all("env")]
    if given.text("cwd"):
        process["cwd"] = given.text("cwd")
    if given.text("user"):
        process["user"] = user_of(given.text("user"))
    if given.all("additional-gids"):
        user = dict(process.get("user") or {})
        user["additionalGids"] = [identity_number(each) for each in given.all("additional-gids")]
        process["user"] = user
    if given.has("no-new-privs"):
        process["noNewPrivileges"] = True
    for flag, key in (("apparmor", "apparmorProfile"), ("process-label", "selinuxLabel")):
        if given.text(flag):
            process[key] = given.text(flag)
    if given.all("cap"):
        process["capabilities"] = _with(process.get("capabilities") or {}, given.all("cap"))
    return process


def _with(sets: dict[str, list[str]], added: list[str]) -> dict[str, list[str]]:
    """More capabilities; never in the inheritable set, so that no file of the image can make use of them."""
    more = {name: [*(sets.get(name) or []), *added] for name in ("bounding", "effective", "permitted")}
    return sets | more


def user_of(text: str) -> dict[str, int]:
    """`uid` or `uid:gid`, numbers only: a name is never looked up (CVE-2026-30892, CVE-2026-46680)."""
    uid, colon, gid = text.partition(":")
    return {"uid": identity_number(uid), "gid": identity_number(gid) if colon else 0}


def identity_number(text: str) -> int:
    """A user's or group's number. Raise UsageError."""
    if not (text.isascii() and text.isdigit()) or int(text) >= 0xFFFFFFFF:
        raise UsageError(f"{text!r} is no id: a number below 4294967295 is needed")
    return int(text)
