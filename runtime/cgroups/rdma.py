"""Limits of RDMA devices, which both versions write the same way."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_NAMES = (("hcaHandles", "hca_handle"), ("hcaObjects", "hca_object"))


def entries(resources: dict[str, Any]) -> Iterator[str]:
    """Lines of `rdma.max`, one for each device that the resources name."""
    for device, limits in (resources.get("rdma") or {}).items():
        numbers = [f"{name}={limits[key]}" for key, name in _NAMES if limits.get(key) is not None]
        if numbers:
            yield " ".join([device, *numbers])
