"""`--add-host name:ip`, and the addresses of `--dns` and `--ip`, the domains of `--dns-search`."""

import ipaddress
import re
from typing import Final

from runtime.bundle.errors import ValueInvalid

GATEWAY: Final = "host-gateway"
"""Stands for the address of the host as the container sees it."""

_domain = re.compile(r"(?=.{1,254}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_-]+)*\.?").fullmatch
_name = re.compile(r"[^\s:=#\0]{1,253}").fullmatch


def read_extra(text: str) -> str:
    """name:ip, or name:host-gateway; the name may end at '=' as well, and an IPv6 address stand in brackets."""
    cut = min((at for at in (text.find(":"), text.find("=")) if at >= 0), default=-1)
    name, ip = (text[:cut], text[cut + 1 :]) if cut > 0 else ("", "")
    if not ip or _name(name) is None:
        raise ValueInvalid(f"bad format for add-host: {text!r}; use name:ip or name:{GATEWAY}")
    if ip == GATEWAY:
        return f"{name}:{ip}"
    bare = ip[1:-1] if ip.startswith("[") and ip.endswith("]") else ip
    return f"{name}:{read_address(bare, f'add-host {text!r}')}"


def read_address(text: str, what: str) -> str:
    """An IP address in its shortest form; `what` names in an error whose it is."""
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        raise ValueInvalid(f"invalid IP address in {what}: {text!r}") from None


def read_search(text: str) -> str:
    """A domain to search names in; a dot alone is none at all."""
    if text.strip() == ".":
        return "."
    if _domain(text.strip()) is None:
        raise ValueInvalid(f"invalid domain to search: {text!r}; use letters, digits, '-' and '.', or '.' for none")
    return text.strip()
