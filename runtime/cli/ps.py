"""`entrepot ps`: the containers of this machine."""

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from runtime.cli import units
from runtime.cli.listing import write_rows
from runtime.cli.machine import machine
from runtime.cli.options import MANY, NUMBER, ONE, SWITCH
from runtime.cli.port_list import Shown, port_list
from runtime.cli.status import status_of
from runtime.cli.verb import Verb
from runtime.engine.describe import endpoints_of
from runtime.engine.machine import Machine
from runtime.engine.networking import names
from runtime.engine.record import Record
from runtime.engine.select import filters, select
from runtime.engine.state import State
from runtime.network.endpoint import Endpoint

_COLUMNS = ("ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names")
_HEADINGS = {"ID": "CONTAINER ID", "RunningFor": "CREATED", "CreatedAt": "CREATED AT"}
_SHOWN = 20
_NAME = 15


def _ps(values: dict[str, Any], _: list[str]) -> None:
    here, whole, form, size = machine(), values["no_trunc"], values["format"], values["size"]
    wanted = filters(values["filter"])
    if "ancestor" in wanted:
        wanted["ancestor"] = [id for text in wanted["ancestor"] for id in _made_of(text)]
    found = select(here, wanted, everything=values["all"], last=1 if values["latest"] else values["last"] or 0)
    if values["quiet"] and not form:
        for record, _now in found:
            print(record.id if whole else record.id[:12])
        return
    rows = [_fields(here, record, now, whole=whole, size=size) for record, now in found]
    write_rows(rows, (*_COLUMNS, "Size") if size else _COLUMNS, form, _HEADINGS)


def _fields(here: Machine, record: Record, now: State, *, whole: bool, size: bool) -> Mapping[str, object]:
    volumes = [mount.name or mount.source for mount in record.mounts if mount.type != "tmpfs"]
    if not whole:
        volumes = [f"{name[: _NAME - 1]}…" if len(name) > _NAME else name for name in volumes]
    return {
        "ID": record.id if whole else record.id[:12],
        "Image": record.image,
        "Command": quoted(record.args, whole=whole),
        "CreatedAt": units.stamp(record.created),
        "RunningFor": units.ago(record.created),
        "State": now.status,
        "Status": status_of(now),
        "Ports": ports_of(endpoints_of(here, record, now), record),
        "Names": record.name,
        "Label": lambda name: record.config.labels.get(name, ""),
        "Labels": ",".join(f"{name}={value}" for name, value in record.config.labels.items()),
        "Mounts": ",".join(volumes),
        "LocalVolumes": str(sum(mount.type == "volume" for mount in record.mounts)),
        "Networks": ",".join(names(record) or [record.host_config.network_mode]),
        "Size": _size(here, record) if size else "0B",
    }


def quoted(words: Sequence[str], *, whole: bool = False) -> str:
    """What a container runs, on one line and in quotes; its beginning alone unless the whole is wanted."""
    text = " ".join(f"'{word}'" if place and " " in word else word for place, word in enumerate(words))
    if not whole and len(text) > _SHOWN:
        text = f"{text[: _SHOWN - 1]}…"
    return json.dumps(text, ensure_ascii=False)


def ports_of(endpoints: tuple[Endpoint, ...], record: Record) -> str:
    """Published ports with where they are, and those that are only exposed."""
    found = [
        Shown(each.port, each.host_ip, each.host_port, each.protocol)
        for endpoint in endpoints
        for each in endpoint.ports
    ]
    bound = {(each.private, each.protocol) for each in found}
    for name in record.config.exposed_ports if endpoints else ():
        number, _, protocol = name.partition("/")
        if (int(number), protocol) not in bound:
            found.append(Shown(int(number), "", 0, protocol))
    return port_list(found)


def _size(here: Machine, record: Record) -> str:
    own = here.snapshots.usage(record.id)
    image = import_module("runtime.cli.local_images").local_images().find(record.image_id)
    shown = units.size(own, 3)
    return shown if image is None else f"{shown} (virtual {units.size(own + image.size, 3)})"


def _made_of(text: str) -> list[str]:
    """The ids of an image, and of those that were made on top of it; what is no image's name stays as it is."""
    # A list of containers must not pay for images.
    images = import_module("runtime.cli.local_images").local_images()
    image = images.find(text)
    if image is None:
        return [text]
    return [one.id for one in images.all() if one.chains[: len(image.chains)] == image.chains]


command = Verb(
    "List containers.",
    _ps,
    words=[],
    options=(
        (("-a", "--all"), SWITCH, "", "Show stopped containers too."),
        (("-f", "--filter"), MANY, "KEY=VALUE", "Show only matching ones."),
        (("--format",), ONE, "TEMPLATE", "json, table, or a template."),
        (("-n", "--last"), NUMBER, "NUMBER", "Show the last N created, running or not."),
        (("-l", "--latest"), SWITCH, "", "Show the last one created, running or not."),
        (("--no-trunc",), SWITCH, "", "Do not truncate the output."),
        (("-q", "--quiet"), SWITCH, "", "Show ids only."),
        (("-s", "--size"), SWITCH, "", "Show the size of what they have written."),
    ),
)
