"""Images from a registry and back, as typed: push, pull, run of what is not here, search; what is said of a pull."""

import re

import pytest

from tests.e2e.containers.engines import Engine
from tests.e2e.server import Registry

pytestmark = pytest.mark.e2e

NONE = "--network=none"


def test_push_pull_and_run(entrepot: Engine, registry: Registry) -> None:
    engine = entrepot.on_this_host()
    name = f"{registry.host}/pulls/{engine.name}"
    engine("tag", "busybox", f"{name}:1")
    engine("tag", "busybox", f"{name}:latest")
    shown = engine.lines("push", "--all-tags", name)
    pushed = [line for line in shown if re.fullmatch(r"(1|latest): digest: sha256:[0-9a-f]{64} size: \d+", line)]
    assert len(pushed) == 2
    digest = pushed[0].split()[2]
    assert engine("push", "-q", f"{name}:1") == f"{name}:1\n"
    engine("rmi", f"{name}:1", name)
    assert "no such image" in engine.refuses("run", "--pull=never", "--rm", name, code=125)
    assert engine("run", "--rm", NONE, name, "echo", "ran") == "ran\n"
    said = engine.errors.splitlines()
    assert said[0] == f"Unable to find image '{name}' locally"
    assert said[-2:] == [f"Digest: {digest}", f"Status: Downloaded newer image for {name}:latest"]
    engine("run", "--rm", "--pull=always", NONE, name, "true")
    assert engine.errors.splitlines()[-1] == f"Status: Image is up to date for {name}:latest"
    assert engine("run", "--rm", "--pull=always", "-q", NONE, name, "echo", "-n") == engine.errors == ""
    shown = engine.lines("pull", name)
    assert shown[0] == "Using default tag: latest"
    assert shown[-3:] == [f"Digest: {digest}", f"Status: Image is up to date for {name}:latest", f"{name}:latest"]
    assert engine("pull", "-q", f"{name}@{digest}") == f"{name}@{digest}\n"
    assert engine.lines("images", "--digests", "--format", "{{.Tag}} {{.Digest}}", name) == [f"latest {digest}"]
    assert engine.lines("pull", "-a", name)[-1] == f"{name}:latest"
    assert engine.asked(name, "{{json .RepoDigests}}") == f'["{name}@{digest}"]'
    assert engine.asked(f"{name}@{digest}", "{{len .RepoTags}}") == "3"
    assert f"{name}\n" in engine("search", f"{registry.host}/{engine.name}", "--format", "{{.Name}}")
    for words in (("pull", f"{registry.host}/pulls/nosuch"), ("pull", f"{name}:nosuch"), ("push", f"{name}:nosuch")):
        engine.refuses(*words)
    assert "platform" in engine.refuses("pull", "--platform=nosuch/x", name) or "nosuch" in engine.errors
    engine("rmi", f"{name}:1", name)
    assert engine("run", "--rm", NONE, "busybox", "echo", "still here") == "still here\n"
