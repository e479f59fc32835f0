"""The options of `run` and `create` in docker's spelling, as one table, and the decorator that gives them to a verb."""

from collections.abc import Callable
from typing import Any, Final

import click

from runtime.cli.pflag import PflagCommand
from runtime.cli.run_request import Asked, build

_SWITCH: Final = "on or off"
_MANY: Final = "many"
_ONE: Final = "one"
_NUMBER: Final = "number"

# What an option is called, how often it may be given, what its value is called, and what it is for.
_Row = tuple[tuple[str, ...], str, str, str]
_OPTIONS: Final[tuple[_Row, ...]] = (
    (("-a", "--attach"), _MANY, "STREAM", "Attach to stdin, stdout or stderr."),
    (("-i", "--interactive"), _SWITCH, "", "Keep standard input open."),
    (("-t", "--tty"), _SWITCH, "", "Give the container a terminal."),
    (("--name",), _ONE, "NAME", "The name of the container."),
    (("--rm",), _SWITCH, "", "Remove the container and its anonymous volumes when it exits."),
    (("--cidfile",), _ONE, "FILE", "Write the id of the container to a file."),
    (("--pull",), _ONE, "always|missing|never", "Whether to pull the image first."),
    (("--platform",), _ONE, "OS/ARCH[/VARIANT]", "The platform of the image."),
    (("-q", "--quiet"), _SWITCH, "", "Say nothing of a pull."),
    (("-e", "--env"), _MANY, "NAME[=VALUE]", "Set a variable; a bare name takes its value here."),
    (("--env-file",), _MANY, "FILE", "Read variables from a file."),
    (("-w", "--workdir"), _ONE, "DIR", "The working directory."),
    (("-u", "--user"), _ONE, "USER[:GROUP]", "Who the process is, by name or number."),
    (("--group-add",), _MANY, "GROUP", "Join one more group."),
    (("-h", "--hostname"), _ONE, "NAME", "The container's name for itself."),
    (("--domainname",), _ONE, "NAME", "The NIS domain name."),
    (("--entrypoint",), _ONE, "COMMAND", "Instead of the image's entrypoint."),
    (("-l", "--label"), _MANY, "KEY[=VALUE]", "Set a label."),
    (("--label-file",), _MANY, "FILE", "Read labels from a file."),
    (("-v", "--volume"), _MANY, "[SOURCE:]DIR[:OPTIONS]", "Mount a volume or a path of the host."),
    (("--mount",), _MANY, "type=...,target=...", "Mount a bind, volume or tmpfs."),
    (("--tmpfs",), _MANY, "DIR[:OPTIONS]", "Mount a tmpfs."),
    (("--read-only",), _SWITCH, "", "Mount the root read-only."),
    (("--shm-size",), _ONE, "SIZE", "The size of /dev/shm."),
    (("-p", "--publish"), _MANY, "[[IP:]PORT:]PORT[/PROTO]", "Publish a port on the host."),
    (("-P", "--publish-all"), _SWITCH, "", "Publish every exposed port on a free one."),
    (("--expose",), _MANY, "PORT[/PROTO]", "Expose a port or a range."),
    (("--network", "--net"), _MANY, "NETWORK", "Connect to a network."),
    (("--network-alias", "--net-alias"), _MANY, "NAME", "One more name on the network."),
    (("--ip",), _ONE, "ADDRESS", "The IPv4 address."),
    (("--dns",), _MANY, "ADDRESS", "A DNS server."),
    (("--dns-search",), _MANY, "DOMAIN", "A domain to search names in."),
    (("--dns-option", "--dns-opt"), _MANY, "OPTION", "An option of the resolver."),
    (("--add-host",), _MANY, "NAME:ADDRESS", "A line of /etc/hosts; host-gateway is the host."),
    (("-m", "--memory"), _ONE, "SIZE", "Bound the memory."),
    (("--memory-swap",), _ONE, "SIZE", "Bound memory and swap together; -1 for no bound."),
    (("--memory-reservation",), _ONE, "SIZE", "The memory that is kept when it gets tight."),
    (("--memory-swappiness",), _NUMBER, "0-100", "How willingly memory is swapped."),
    (("--oom-kill-disable",), _SWITCH, "", "Let nothing be killed for want of memory."),
    (("--oom-score-adj",), _NUMBER, "-1000-1000", "How willingly it is killed for want of memory."),
    (("--cpus",), _ONE, "NUMBER", "Bound the CPUs, as in 1.5."),
    (("--cpuset-cpus",), _ONE, "LIST", "The CPUs to run on, as in 0-3 or 0,2."),
    (("--cpuset-mems",), _ONE, "LIST", "The memory nodes to use."),
    (("-c", "--cpu-shares"), _NUMBER, "NUMBER", "The weight among others."),
    (("--cpu-period",), _NUMBER, "MICROSECONDS", "The period of the CPU scheduler."),
    (("--cpu-quota",), _NUMBER, "MICROSECONDS", "The bound within a period."),
    (("--blkio-weight",), _NUMBER, "10-1000", "The weight of block I/O."),
    (("--pids-limit",), _NUMBER, "NUMBER", "Bound the processes; -1 for no bound."),
    (("--ulimit",), _MANY, "NAME=SOFT[:HARD]", "Set a resource limit."),
    (("--cap-add",), _MANY, "NAME", "Add a capability."),
    (("--cap-drop",), _MANY, "NAME", "Drop a capability."),
    (("--privileged",), _SWITCH, "", "Give the container all that the host may do."),
    (("--security-opt",), _MANY, "OPTION", "no-new-privileges, seccomp=unconfined or seccomp=FILE."),
    (("--device",), _MANY, "PATH[:PATH][:rwm]", "Give a device of the host."),
    (("--device-cgroup-rule",), _MANY, "RULE", "Allow devices, as in 'c 10:200 rwm'."),
    (("--sysctl",), _MANY, "NAME=VALUE", "Set a kernel parameter of the namespaces."),
    (("--userns",), _ONE, "host|remap[:USER]", "The user namespace."),
    (("--pid",), _ONE, "host|container:NAME", "The pid namespace."),
    (("--ipc",), _ONE, "MODE", "private, shareable, none, host or container:NAME."),
    (("--uts",), _ONE, "host", "The UTS namespace."),
    (("--cgroupns",), _ONE, "host|private", "The cgroup namespace."),
    (("--cgroup-parent",), _ONE, "PATH", "The cgroup to stand in."),
    (("--runtime",), _ONE, "PATH", "The OCI runtime."),
    (("--init",), _SWITCH, "", "Run an init that passes signals on and reaps processes."),
    (("--restart",), _ONE, "POLICY", "no, on-failure[:TIMES], always or unless-stopped."),
    (("--stop-signal",), _ONE, "SIGNAL", "The signal that stops it."),
    (("--stop-timeout",), _NUMBER, "SECONDS", "How long it may take to stop."),
    (("--health-cmd",), _ONE, "COMMAND", "The command that asks for health."),
    (("--health-interval",), _ONE, "TIME", "The time between two questions."),
    (("--health-timeout",), _ONE, "TIME", "How long an answer may take."),
    (("--health-retries",), _NUMBER, "NUMBER", "How many failures make it unhealthy."),
    (("--health-start-period",), _ONE, "TIME", "The time before failures count."),
    (("--health-start-interval",), _ONE, "TIME", "The time between two questions within it."),
    (("--no-healthcheck",), _SWITCH, "", "Do not ask for health."),
    (("--log-driver",), _ONE, "json-file|none", "What becomes of the output."),
    (("--log-opt",), _MANY, "KEY=VALUE", "max-size=SIZE and max-file=NUMBER."),
)
_OF_RUN: Final[tuple[_Row, ...]] = (
    (("-d", "--detach"), _SWITCH, "", "Leave it running and print its id."),
    (("--sig-proxy",), _SWITCH, "", "Pass signals on to the process."),
    (("--detach-keys",), _ONE, "KEYS", "The keys that detach, as in ctrl-p,ctrl-q."),
)
_ON: Final = frozenset({"--sig-proxy"})


def run_options(name: str, help: str, *, starts: bool) -> Callable[[Callable[[Asked], object]], click.Command]:
    """Make a verb of a function that gets what was asked for; `starts` adds what only `run` has."""

    def decorate(verb: Callable[[Asked], object]) -> click.Command:
        def call(**values: Any) -> object:  # noqa: ANN401 - as the table has them
            return verb(build(values))

        rows = (*_OPTIONS, *(_OF_RUN if starts else ()))
        parameters: list[click.Parameter] = [
            _option(row) for row in sorted(rows, key=lambda row: row[0][-1].strip("-"))
        ]
        parameters += [
            click.Argument(["image"]),
            click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED, metavar="[COMMAND] [ARG]..."),
        ]
        return PflagCommand(name, callback=call, params=parameters, help=help)

    return decorate


def _option(row: _Row) -> click.Option:
    names, kind, metavar, help = row
    if kind == _SWITCH:
        return click.Option(names, is_flag=True, default=names[-1] in _ON, help=help)
    if kind == _MANY:
        return click.Option(names, multiple=True, metavar=metavar, help=help)
    return click.Option(names, metavar=metavar, help=help, type=click.INT if kind == _NUMBER else click.STRING)
