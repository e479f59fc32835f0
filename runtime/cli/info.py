"""`entrepot info`: this machine and what is on it."""

import os
import platform
from importlib import import_module

import click

from runtime.cli import place, units
from runtime.cli.listing import write_documents
from runtime.cli.local_images import local_images
from runtime.cli.machine import machine
from runtime.cli.settings import settings
from runtime.engine import lifecycle, runtimes
from runtime.engine.errors import NoRuntime

_LABELS = {
    "Containers": "Containers",
    "ContainersRunning": " Running",
    "ContainersPaused": " Paused",
    "ContainersStopped": " Stopped",
    "Images": "Images",
    "ServerVersion": "Version",
    "Driver": "Storage Driver",
    "LoggingDriver": "Logging Driver",
    "CgroupVersion": "Cgroup Version",
    "DefaultRuntime": "Default Runtime",
    "SecurityOptions": "Security Options",
    "KernelVersion": "Kernel Version",
    "OSType": "OSType",
    "Architecture": "Architecture",
    "NCPU": "CPUs",
    "MemTotal": "Total Memory",
    "Name": "Name",
    "RootDir": "Root Dir",
}


@click.command(help="Show information about this machine and what is stored on it.")
@click.option("-f", "--format", "form", metavar="TEMPLATE", help="json, or a template.")
def command(form: str | None) -> None:
    """Show it."""
    found = _found()
    if form:
        write_documents([found], form)
        return
    for name, label in _LABELS.items():
        value = found[name]
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        click.echo(f"{label}: {units.binary(int(str(shown))) if name == 'MemTotal' else shown}")


def _found() -> dict[str, object]:
    here = machine()
    states = [now.status for _, now in here.store.all()]
    running = sum(status in (lifecycle.RUNNING, lifecycle.RESTARTING) for status in states)
    paused = states.count(lifecycle.PAUSED)
    try:
        runtime = runtimes.find(settings().runtime)
    except NoRuntime:
        runtime = ""
    return {
        "Containers": len(states),
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": len(states) - running - paused,
        "Images": len(local_images().all()),
        "ServerVersion": import_module("registry.cli.release").release(),
        "Driver": here.snapshots.name,
        "LoggingDriver": "json-file",
        "CgroupVersion": "2" if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else "1",
        "DefaultRuntime": runtime,
        "SecurityOptions": _security(),
        "KernelVersion": platform.release(),
        "OSType": "linux",
        "Architecture": platform.machine(),
        "NCPU": os.cpu_count(),
        "MemTotal": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "Name": platform.node(),
        "RootDir": str(here.root),
        "DockerRootDir": str(here.root),
        "OperatingSystem": _system(),
    }


def _security() -> list[str]:
    found = ["name=seccomp,profile=builtin"]
    if place.user():
        found.append("name=rootless")
    elif settings().userns_remap:
        found.append("name=userns")
    return found


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""
