"""Which manifest of an index runs where."""

import pytest

from registry.oci.descriptor import Descriptor
from runtime.images.errors import InvalidName, NoPlatform
from runtime.images.platform import Platform, choose, host, of, parse


def index(*platforms: str) -> list[Descriptor]:
    """Manifests for platforms, each with its place as its size."""
    described = []
    for place, text in enumerate(platforms):
        fields: dict[str, object] = dict(zip(("os", "architecture", "variant"), text.split("/"), strict=False))
        described.append(Descriptor("manifest", f"sha256:{place:064}", place, platform=fields))
    return described


@pytest.mark.parametrize(
    ("wanted", "there", "chosen"),
    [
        ("linux/amd64", ("linux/arm64/v8", "linux/amd64", "windows/amd64"), 1),
        ("linux/amd64", ("linux/amd64/v2", "linux/amd64"), 1),
        ("linux/amd64/v3", ("linux/amd64", "linux/amd64/v2", "linux/amd64/v4"), 1),
        ("linux/arm64", ("linux/arm/v7", "linux/arm64/v8"), 1),
        ("linux/arm64/v8", ("linux/arm64",), 0),
        ("linux/arm/v7", ("linux/arm/v5", "linux/arm/v6", "linux/arm64"), 1),
        ("linux/arm", ("linux/arm/v6", "linux/arm/v7"), 1),
        ("aarch64", ("linux/amd64", "linux/arm64"), 1),
    ],
)
def test_the_best_is_chosen(wanted: str, there: tuple[str, ...], chosen: int) -> None:
    assert choose(index(*there), parse(wanted), "it").size == chosen


@pytest.mark.parametrize(
    ("wanted", "there"),
    [("linux/arm/v6", ("linux/arm/v7",)), ("linux/amd64", ("linux/amd64/v2", "unknown/unknown")), ("linux/386", ())],
)
def test_what_is_there_is_told(wanted: str, there: tuple[str, ...]) -> None:
    with pytest.raises(NoPlatform, match="for any platform" if not there else there[0]) as told:
        choose(index(*there), parse(wanted), "it")
    assert "unknown" not in str(told.value)


def test_this_machine() -> None:
    assert host().os == "linux"
    assert of({"os": "linux", "architecture": "x86_64"}) == Platform("linux", "amd64")
    for wrong in ("", "linux/", "a/b/c/d", "linux/amd 64"):
        with pytest.raises(InvalidName):
            parse(wrong)
