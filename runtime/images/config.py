"""The config of an image (image-spec, config.md): what is read of it, and the chain ids its layers make."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import msgspec

from registry.oci import strict_json
from registry.oci.descriptor import valid_digest
from runtime.images.errors import BadImage
from storage.digest import Digest

LARGEST: Final = 8 * 1024 * 1024
"""Bytes of a config."""
MOST_LAYERS: Final = 4096


class Config(msgspec.Struct, frozen=True):
    """A config that has been checked: `document` is all of it, as it came."""

    document: dict[str, Any]
    diff_ids: list[str]
    created: str

    @property
    def run(self) -> dict[str, Any]:
        """What a container of it is to run: Env, Cmd, Entrypoint, User, WorkingDir, Labels, ..."""
        return cast("dict[str, Any]", self.document.get("config") or {})

    @property
    def labels(self) -> dict[str, str]:
        return cast("dict[str, str]", self.run.get("Labels") or {})

    @property
    def history(self) -> list[dict[str, Any]]:
        """One entry for each step, those marked empty_layer having no layer; newest last."""
        return cast("list[dict[str, Any]]", self.document.get("history") or [])


def read(payload: bytes) -> Config:
    """Raises BadImage."""
    try:
        value = strict_json.loads(payload, max_depth=32)
    except strict_json.InvalidJson as error:
        raise BadImage(f"the config of the image is not strict JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadImage("the config of the image is not a JSON object")
    _check(value)
    rootfs = value.get("rootfs")
    diff_ids = (rootfs.get("diff_ids") or []) if isinstance(rootfs, dict) else []
    if not isinstance(diff_ids, list) or not all(type(one) is str and valid_digest(one) for one in diff_ids):
        raise BadImage("the config of the image has no list of diff_ids")
    if len(diff_ids) > MOST_LAYERS:
        raise BadImage(f"the image has {len(diff_ids)} layers, at most {MOST_LAYERS} are taken")
    created = value.get("created")
    return Config(value, diff_ids, created if isinstance(created, str) else "")


def _check(document: Mapping[str, object]) -> None:
    """Refuse what would trip those who use it later."""
    run = document.get("config")
    if run is not None and not isinstance(run, dict):
        raise BadImage("the config of the image has a config that is not an object")
    for name in ("Env", "Cmd", "Entrypoint"):
        value = (run or {}).get(name)
        if value is not None and not (isinstance(value, list) and all(type(one) is str for one in value)):
            raise BadImage(f"the config of the image has {name} that is not a list of strings")
    labels = (run or {}).get("Labels")
    if labels is not None and not (isinstance(labels, dict) and all(type(one) is str for one in labels.values())):
        raise BadImage("the config of the image has Labels that are not strings")
    history = document.get("history")
    if history is not None and not (isinstance(history, list) and all(isinstance(one, dict) for one in history)):
        raise BadImage("the config of the image has a history that is not a list of objects")


def chain_ids(diff_ids: Sequence[str]) -> list[str]:
    """The chain id of each layer on those below it (image-spec, config.md, "Layer ChainID")."""
    chains: list[str] = []
    for diff_id in diff_ids:
        if not chains:
            chains.append(diff_id)
            continue
        chains.append(str(Digest.of(f"{chains[-1]} {diff_id}".encode())))
    return chains
