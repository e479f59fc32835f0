"""Ports as docker's list shows them: 127.0.0.1:8080->80/tcp, 443/tcp, with neighbours drawn together."""

from collections.abc import Iterable
from typing import NamedTuple


class Shown(NamedTuple):
    """A port of a container; `ip` and `public` say where it is published, empty and 0 where it is only exposed."""

    private: int
    ip: str
    public: int
    protocol: str


def port_list(ports: Iterable[Shown]) -> str:
    """The ports by number; those published under another number come last and each alone."""
    groups: dict[tuple[str, str], list[int]] = {}
    done: list[str] = []
    mapped: list[str] = []
    for port in sorted(ports):
        if port.ip and port.public != port.private:
            mapped.append(f"{port.ip}:{port.public}->{port.private}/{port.protocol}")
            continue
        key = (port.ip, port.protocol)
        group = groups.setdefault(key, [port.private, port.private])
        if port.private > group[1] + 1:
            done.append(_group(key, group))
            groups[key] = [port.private, port.private]
        else:
            group[1] = port.private
    return ", ".join([*done, *(_group(key, group) for key, group in groups.items()), *mapped])


def _group(key: tuple[str, str], group: list[int]) -> str:
    first, last = group
    span = f"{first}" if first == last else f"{first}-{last}"
    return f"{key[0]}:{span}->{span}/{key[1]}" if key[0] else f"{span}/{key[1]}"
