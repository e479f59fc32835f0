"""Lists of images with their filters, what uses them, what prunes take, and what all of it takes on the disk."""

import re

import pytest

from tests.e2e.containers.engines import Engine

pytestmark = pytest.mark.e2e

NONE = "--network=none"


def made(engine: Engine, name: str, *changes: str) -> str:
    """An image of busybox with one change; its id."""
    engine("create", "--name", "maker", NONE, "busybox")
    words = [word for change in changes for word in ("--change", change)]
    id = engine("commit", *words, "maker", *([name] if name else [])).strip()
    engine("rm", "maker")
    return id


def test_lists_and_filters(engine: Engine) -> None:
    busybox = engine.asked("busybox", "{{.Id}}")
    first = made(engine, "lists/first:1", "LABEL kind=a")
    second = made(engine, "registry.example:5000/lists/second", "LABEL kind=b")
    bare = made(engine, "", "LABEL kind=c")
    engine("tag", "lists/first:1", "lists/first:2")

    def names(*words: str) -> list[str]:
        return sorted(engine.lines("images", "--format", "{{.Repository}}:{{.Tag}}", *words))

    second_name = "registry.example:5000/lists/second:latest"
    assert names() == ["<none>:<none>", "busybox:latest", "lists/first:1", "lists/first:2", second_name]
    assert names("lists/first") == ["lists/first:1", "lists/first:2"]
    assert names("lists/first:2") == ["lists/first:2"]
    assert names("--filter", "dangling=true") == ["<none>:<none>"]
    assert names("-f", "dangling=false", "-f", "label=made=here", "-f", "label=kind") == [
        *("lists/first:1", "lists/first:2", second_name)
    ]
    assert names("-f", "label=kind=b") == [second_name]
    assert names("-f", "reference=lists/*:1") == ["lists/first:1"]
    assert names("-f", "reference=busy*") == ["busybox:latest"]
    assert "busybox:latest" in names("-f", "before=lists/first:1")
    assert set(names("-f", "since=lists/first:1")) == {"<none>:<none>", second_name}
    assert set(engine.lines("images", "-q", "--no-trunc", "lists/first")) == {first}
    assert engine.lines("image", "ls", "--quiet", second_name) == [second.removeprefix("sha256:")[:12]]
    heading, row = engine.lines("image", "list", "busybox")
    assert re.split(r" {2,}", heading.strip()) == ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"]
    digits = busybox.removeprefix("sha256:")[:12]
    assert re.fullmatch(rf"busybox +latest +{digits} +\S.* ago +\d\S*[kM]B *", row)
    assert re.split(r" {2,}", engine.lines("images", "--digests")[0].strip())[2] == "DIGEST"
    for words in (("images", "-f", "nosuch=1"), ("image", "inspect", "nosuch"), ("history", "nosuch")):
        engine.refuses(*words)
    assert engine.asked(digits[:6], "{{.Id}}") == busybox
    engine("create", "--name", "user", NONE, "lists/first:2")
    assert engine.lines("ps", "-a", "-f", "ancestor=busybox", "--format", "{{.Names}}") == ["user"]
    assert engine.lines("ps", "-a", "-f", "ancestor=lists/first:1", "--format", "{{.Names}}") == ["user"]
    engine("rmi", "lists/first:2")
    assert "is using" in (said := engine.refuses("rmi", "lists/first:1")) or "is used by" in said
    shown = engine("image", "prune", "--force", "--filter", "label=kind=c")
    assert shown.startswith("Deleted Images:\n")
    assert f"deleted: {bare}" in shown
    shown = engine("image", "prune", "-a", "-f", "--filter", "label=kind")
    assert f"untagged: {second_name}" in shown
    assert shown.splitlines()[-1].startswith("Total reclaimed space: ")
    assert names("lists/*") == names("lists/first") == ["lists/first:1"]
    engine("rm", "user")
    engine("rmi", "-f", "lists/first:1")
    assert names() == ["busybox:latest"]


def test_the_disk_is_as_it_was(engine: Engine) -> None:
    def used() -> list[str]:
        return engine.lines("system", "df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}}")[:3]

    before = used()
    assert [line.rpartition(" ")[0] for line in before] == ["Images 1 0", "Containers 0 0", "Local Volumes 0 0"]
    made(engine, "", "LABEL dangling=yes")
    engine("network", "create", "unused")
    engine(
        "run", "--name", "writes", "-v", "/v", NONE, "busybox", "sh", "-c", "head -c 2000000 /dev/zero | tee /f > /v/f"
    )
    engine("run", "-d", "--name", "runs", NONE, "busybox", "sleep", "1000")
    assert [line.rpartition(" ")[0] for line in used()] == ["Images 2 1", "Containers 2 1", "Local Volumes 1 1"]
    heading = re.split(r" {2,}", engine.lines("system", "df")[0].strip())
    assert heading == ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"]
    shown = engine("system", "df", "-v")
    assert re.search(r"^Images space usage:$", shown, re.MULTILINE)
    assert re.search(r"^\w{12} +busybox +\S.* 2\S*MB .*writes *$", shown, re.MULTILINE)
    size = engine("ps", "-as", "--filter", "name=writes", "--format", "{{.Size}}")
    assert re.match(r"2\S*MB \(virtual \S+MB\)", size)
    shown = engine("system", "prune", "-f", "--volumes")
    for what in ("Deleted Containers:", "Deleted Networks:\nunused", "Deleted Images:", "Total reclaimed space: "):
        assert what in shown
    assert engine.lines("ps", "-a", "--format", "{{.Names}}") == ["runs"]
    engine("rm", "-f", "runs")
    engine("volume", "prune", "-f")
    assert used() == before
    told = engine.document("info", "--format", "{{json .}}")
    assert (told["Images"], told["Containers"], told["ContainersRunning"]) == (1, 0, 0)
    assert {"ServerVersion", "Driver", "KernelVersion", "NCPU", "MemTotal", "Name", "CgroupVersion"} <= set(told)
