"""What an image wants and what a request takes of it."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.bundle import image
from runtime.bundle.container import ContainerConfig, Healthcheck
from runtime.bundle.errors import Conflict, ImageConfigInvalid

IMAGE = image.read(
    {
        "User": "app",
        "Env": ["PATH=/p", "A=image"],
        "Entrypoint": ["/entry"],
        "Cmd": ["one", "two"],
        "WorkingDir": "/w/../x",
        "Volumes": {"/data/": {}},
        "ExposedPorts": {"80": {}, "53/udp": {}},
        "Labels": {"a": "image", "b": "image"},
        "StopSignal": "SIGINT",
        "Healthcheck": {"Test": ["CMD", "x"], "Interval": 5_000_000_000, "Retries": 2},
        "OnBuild": None,
        "AttachStdin": False,
    }
)
# What was asked for, and the entrypoint and command that come of it with the image's ("/entry",) ("one", "two").
COMMANDS = [
    (None, None, ("/entry",), ("one", "two")),
    (None, ("x",), ("/entry",), ("x",)),
    (("/mine",), None, ("/mine",), None),
    (("/mine",), ("x",), ("/mine",), ("x",)),
    (("",), ("x",), None, ("x",)),
]


@pytest.mark.parametrize(("entrypoint", "cmd", "then", "with_"), COMMANDS)
def test_entrypoint_and_command(
    entrypoint: tuple[str, ...] | None,
    cmd: tuple[str, ...] | None,
    then: tuple[str, ...] | None,
    with_: tuple[str, ...] | None,
) -> None:
    merged = image.merge(ContainerConfig(entrypoint=entrypoint, cmd=cmd), IMAGE)
    assert (merged.entrypoint, merged.cmd) == (then, with_)


def test_nothing_to_run() -> None:
    for asked in (ContainerConfig(), ContainerConfig(entrypoint=("",))):
        with pytest.raises(Conflict, match="no command specified"):
            image.merge(asked, image.ImageConfig())
    with pytest.raises(Conflict, match="no command specified"):
        image.merge(ContainerConfig(entrypoint=("",)), IMAGE)


def test_the_image_speaks_where_nothing_was_said() -> None:
    merged = image.merge(ContainerConfig(env=("A=asked", "B"), labels={"a": "asked"}), IMAGE)
    assert merged.user == "app"
    assert merged.env == ("A=asked", "B", "PATH=/p")
    assert merged.working_dir == "/x"
    assert set(merged.volumes) == {"/data"}
    assert set(merged.exposed_ports) == {"80/tcp", "53/udp"}
    assert merged.labels == {"a": "asked", "b": "image"}
    assert merged.stop_signal == "SIGINT"


def test_health_checks_merge_field_by_field() -> None:
    merged = image.merge(ContainerConfig(healthcheck=Healthcheck(retries=9)), IMAGE).healthcheck
    assert merged == Healthcheck(test=("CMD", "x"), interval=5_000_000_000, retries=9)
    none = Healthcheck(test=("NONE",))
    assert image.merge(ContainerConfig(healthcheck=none), IMAGE).healthcheck == none
    assert image.merge(ContainerConfig(), IMAGE).healthcheck == IMAGE.healthcheck


def test_a_relative_working_directory_is_refused() -> None:
    with pytest.raises(Conflict, match="absolute path"):
        image.merge(ContainerConfig(working_dir="a"), IMAGE)


@pytest.mark.parametrize(
    "run",
    [
        {"Env": "A=1"},
        {"Env": [1]},
        {"Env": ["=x"]},
        {"Env": ["A=\0"]},
        {"Cmd": ["x"] * 10_000},
        {"Cmd": ["x" * 2_000_000]},
        {"User": 5},
        {"ExposedPorts": {"x": {}}},
        {"ExposedPorts": ["80"]},
        {"Volumes": {"relative": {}}},
        {"Volumes": {"/": {}}},
        {"StopSignal": "NOPE"},
        {"Labels": {"a": 1}},
        {"Healthcheck": {"Test": ["CMD"], "Interval": -1}},
        {"Healthcheck": {"Interval": "1s"}},
    ],
)
def test_what_is_no_config(run: dict[str, Any]) -> None:
    with pytest.raises(ImageConfigInvalid, match="the config of the image"):
        image.read(run)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["User", "Env", "Cmd", "Entrypoint", "Volumes", "WorkingDir", "Labels", "StopSignal", "Healthcheck"]


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from([*FIELDS, "ExposedPorts", "Other"]), JSON, max_size=5))
def test_any_json_is_read_or_refused(run: dict[str, Any]) -> None:
    with suppress(ImageConfigInvalid, Conflict):
        image.merge(ContainerConfig(cmd=("x",)), image.read(run))
