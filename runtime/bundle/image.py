"""The `config` of an image's configuration (image-spec, config.md, with docker's Healthcheck), and what a request
takes from it.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from runtime.bundle.container import ContainerConfig, Healthcheck
from runtime.bundle.errors import Conflict, ImageConfigInvalid, ValueInvalid
from runtime.bundle.grammar import port, signals
from runtime.bundle.grammar.path import clean, read_target

MOST: Final = 4096
"""Entries of any one list or map."""
LARGEST: Final = 2**20
"""Characters of all of it together."""
_TIMES: Final = ("interval", "timeout", "start_period", "start_interval", "retries")


class ImageConfig(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """How an image wants to be run. None and empty mean that it does not say."""

    user: str | None = None
    exposed_ports: dict[str, dict[str, object] | None] | None = None
    env: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    volumes: dict[str, dict[str, object] | None] | None = None
    working_dir: str | None = None
    labels: dict[str, str] | None = None
    stop_signal: str | None = None
    healthcheck: Healthcheck | None = None


def read(run: Mapping[str, object]) -> ImageConfig:
    """Check what stands under `config`; unknown fields are left alone. Raises ImageConfigInvalid."""
    try:
        config = msgspec.convert(dict(run), ImageConfig)
        _check_sizes(config)
        _check_values(config)
    except msgspec.ValidationError as error:
        raise ImageConfigInvalid(f"the config of the image is wrong: {_told(error)}") from None
    except ValueInvalid as error:
        raise ImageConfigInvalid(f"the config of the image is wrong: {error}") from None
    return config


def _told(error: msgspec.ValidationError) -> str:
    text = str(error)
    return text[:1].lower() + text[1:]


def _check_sizes(config: ImageConfig) -> None:
    size = 0
    for field in config.__struct_fields__:
        value = getattr(config, field)
        if isinstance(value, Healthcheck):
            value = value.test
        texts = [value] if isinstance(value, str) else list(value or ())
        if isinstance(value, dict):
            texts += [text for text in value.values() if isinstance(text, str)]
        if len(texts) > 2 * MOST or any("\0" in text for text in texts):
            raise ImageConfigInvalid(f"the config of the image has a {field} with NUL or with more than {MOST} entries")
        size += sum(map(len, texts))
    if size > LARGEST:
        raise ImageConfigInvalid(f"the config of the image has more than {LARGEST} characters")


def _check_values(config: ImageConfig) -> None:
    for name in config.exposed_ports or ():
        port.read_exposed(name)
    for path in config.volumes or ():
        read_target(path, "a volume of the image")
    for variable in config.env or ():
        if variable.startswith("=") or not variable:
            raise ImageConfigInvalid(f"the config of the image has a variable without a name: {variable!r}")
    if config.stop_signal:
        signals.read(config.stop_signal)
    if config.healthcheck and any(getattr(config.healthcheck, name) < 0 for name in _TIMES):
        raise ImageConfigInvalid("the config of the image has a health check with a negative time")


def merge(asked: ContainerConfig, image: ImageConfig) -> ContainerConfig:
    """What was asked for with the image's word where nothing was said. Raises Conflict when nothing is left to run.

    An entrypoint that was asked for takes the image's command away; one empty string takes the entrypoint away too.
    """
    entrypoint, cmd = asked.entrypoint, asked.cmd
    if not entrypoint:
        cmd = cmd or image.cmd
        entrypoint = image.entrypoint if entrypoint is None else entrypoint
    if entrypoint == ("",):
        entrypoint = None
    if not entrypoint and not cmd:
        raise Conflict("no command specified: the image has none, write one behind its name")
    return replace(
        asked,
        entrypoint=entrypoint,
        cmd=cmd,
        user=asked.user or image.user or "",
        env=_environment(asked.env, image.env or ()),
        working_dir=_folder(asked.working_dir or image.working_dir or ""),
        exposed_ports={name: {} for name in (*_ports(image), *asked.exposed_ports)},
        volumes={path: {} for path in (*map(clean, image.volumes or ()), *asked.volumes)},
        labels={**(image.labels or {}), **asked.labels},
        stop_signal=asked.stop_signal or image.stop_signal or "",
        healthcheck=_healthcheck(asked.healthcheck, image.healthcheck),
    )


def _ports(image: ImageConfig) -> list[str]:
    return [each for name in image.exposed_ports or () for each in port.read_exposed(name)]


def _environment(asked: tuple[str, ...], image: tuple[str, ...]) -> tuple[str, ...]:
    names = {variable.partition("=")[0] for variable in asked}
    return (*asked, *(variable for variable in image if variable.partition("=")[0] not in names))


def _folder(path: str) -> str:
    if path and not path.startswith("/"):
        raise Conflict(f"the working directory {path!r} is invalid, it needs to be an absolute path")
    return clean(path) if path else ""


def _healthcheck(asked: Healthcheck | None, image: Healthcheck | None) -> Healthcheck | None:
    if asked is None or image is None or asked.test == ("NONE",):
        return asked or image
    return Healthcheck(
        test=asked.test or image.test, **{name: getattr(asked, name) or getattr(image, name) for name in _TIMES}
    )
