"""`entrepot info`: this machine and what is on it."""

import os
import platform
from importlib import import_module

import click

from runtime.cli import units
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
    "KernelVersion": "Kernel Version",
    "OSType": "OSType",
    "Architecture": "Architecture",
    "NCPU": "CPUs",
    "MemTotal": "Total Memory",
    "Name": "Name",
    "RootDir": "Root Dir",
}


@click.command(help="Show what this machine is, and what is on it.")
@click.option("-f", "--format", "form", metavar="TEMPLATE", help="json, or a template.")
def command(form: str | None) -> None:
    """Show it."""
    found = _found()
    if form:
        write_documents([found], form)
        return
    for name, label in _LABELS.items():
        shown = units.binary(int(str(found[name]))) if name == "MemTotal" else found[name]
        click.echo(f"{label}: {shown}")


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


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""
