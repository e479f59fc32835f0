"""Listing, naming, removing and pruning, as typed."""

import json
import os
import pty
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runtime.images.conftest import Registry, write_tar
from tests.runtime.images.hosts import COMMAND, Host


def make(host: Host, folder: Path) -> Host:
    """Give a host two images: one:1 (also team/one:2), and two:1, with labels."""
    for name in ("one", "two"):
        file = write_tar(folder / f"{name}.tar", {"same": b"x" * 5000, name: name.encode() * 1000})
        host.run("import", "-c", f"LABEL name={name} kind=test", file, f"{name}:1")
    host.run("tag", "one:1", "team/one:2")
    return host


@pytest.fixture
def made(host: Host, tmp_path: Path) -> Host:
    """A host with two images, for a test that changes them."""
    return make(host, tmp_path)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """A host with two images, for tests that only look."""
    folder = tmp_path_factory.mktemp("shown")
    return make(Host(folder / "host"), folder)


def names(host: Host, *words: str) -> list[str]:
    """What `images` lists, sorted."""
    return sorted(host.run("images", "--format", "{{.Repository}}:{{.Tag}}", *words).split())


@pytest.mark.parametrize(
    ("words", "listed"),
    [
        ((), ["one:1", "team/one:2", "two:1"]),
        (("one",), ["one:1"]),
        (("team/one:2",), ["team/one:2"]),
        (("team/one:3",), []),
        (("-f", "reference=one"), ["one:1"]),
        (("-f", "reference=*/one"), ["team/one:2"]),
        (("-f", "reference=t*:1"), ["two:1"]),
        (("-f", "label=name=two"), ["two:1"]),
        (("-f", "label=kind", "-f", "label!=name=two"), ["one:1", "team/one:2"]),
        (("-f", "since=one:1"), ["two:1"]),
        (("-f", "before=two:1"), ["one:1", "team/one:2"]),
        (("-f", "dangling=true"), []),
        (("-f", "dangling=false", "t*"), ["two:1"]),
    ],
)
def test_filters(shown: Host, words: tuple[str, ...], listed: list[str]) -> None:
    assert names(shown, *words) == listed


def test_forms(shown: Host) -> None:
    lines = shown.run("images").splitlines()
    assert re.split(r" {3,}", lines[0]) == ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"]
    form = "{{.Repository}} {{.Tag}} {{.ID}} {{.Size}}"  # all but the age, which may change in between
    assert len({shown.run(*words, "--format", form) for words in (["images"], ["image", "ls"], ["image", "list"])}) == 1
    ids = shown.run("images", "-q", "--no-trunc").split()
    assert len(ids) == len(set(ids)) == 2
    assert shown.inspect(ids[0][7:20])["Id"] == ids[0]
    rows = [json.loads(line) for line in shown.run("images", "--format", "json").splitlines()]
    assert {row["ID"] for row in rows} == {one[7:19] for one in ids}
    assert re.split(r" {3,}", shown.run("images", "--digests").splitlines()[0])[2] == "DIGEST"
    assert shown.run("images", "--format", "table {{.Tag}}\\t{{.ID}}").startswith("TAG       IMAGE ID\n")
    assert "not known" in shown.refused("images", "-f", "colour=red")
    assert "neither" in shown.refused("images", "-f", "dangling=maybe")
    assert "no field Nome" in shown.refused("images", "--format", "{{.Nome}}")


def test_history_and_inspect(shown: Host) -> None:
    lines = shown.run("history", "one:1").splitlines()
    assert re.split(r" {3,}", lines[0])[:2] == ["IMAGE", "CREATED"]
    assert "Imported from" in lines[1]
    assert shown.run("history", "-q", "--no-trunc", "one:1").strip() == shown.inspect("one:1")["Id"]
    assert json.loads(shown.run("image", "inspect", "-f", "{{json .Config.Labels}}", "one:1"))["name"] == "one"
    done = subprocess.run(
        [*COMMAND, "image", "inspect", "one:1", "nothing"], env=shown.environment, capture_output=True
    )
    assert done.returncode == 1
    assert len(json.loads(done.stdout)) == 1
    assert b"no such image: nothing" in done.stderr


def test_names_go_one_by_one_and_the_image_with_the_last(made: Host) -> None:
    one = made.inspect("one:1")
    assert "several repositories" in made.refused("rmi", one["Id"][7:19])
    assert made.run("rmi", "one:1") == "Untagged: one:1\n"
    assert made.inspect("team/one:2")["Id"] == one["Id"]
    said = made.run("image", "rm", "team/one:2").splitlines()
    assert said == ["Untagged: team/one:2", f"Deleted: {one['Id']}", f"Deleted: {one['RootFS']['Layers'][0]}"]
    assert "no such image" in made.refused("rmi", "one:1")
    assert made.run("rmi", "-f", "one:1") == ""
    assert made.inspect("two:1")["RepoTags"] == ["two:1"]
    made.run("rmi", "two:1")
    assert made.content() == set()
    assert list(made.root.glob("snapshots/*/committed/*")) == []


def test_an_image_whose_content_is_gone_is_listed_and_removed(made: Host) -> None:
    made.blob(made.inspect("two:1")["Id"]).unlink()
    for journal in made.root.glob("content/.journal/*"):
        journal.unlink()  # which has it still, and would have it stored again
    assert "not here any more" in made.refused("image", "inspect", "two:1").splitlines()[-1]
    assert names(made) == ["one:1", "team/one:2", "two:1"]
    made.run("rmi", "two:1")
    assert names(made) == ["one:1", "team/one:2"]
    made.run("image", "prune", "-a", "-f")
    assert made.content() == set()
    assert list(made.root.glob("snapshots/*/committed/*")) == []


def test_a_name_that_moves_leaves_an_image_without_one(made: Host) -> None:
    one = made.inspect("one:1")["Id"]
    made.run("tag", "two:1", "one:1")
    made.run("tag", "two:1", "team/one:2")
    assert names(made, "-f", "dangling=true") == ["<none>:<none>"]
    kept = made.run("image", "prune", "-f", "--filter", "until=1h")
    assert "Total reclaimed space: 0B" in kept
    pruned = made.run("image", "prune", "-f")
    assert f"deleted: {one}" in pruned
    assert names(made) == ["one:1", "team/one:2", "two:1"]
    assert "deleted: " in made.run("image", "prune", "-a", "-f")
    assert made.content() == set()


def test_a_question_comes_before_pruning(made: Host) -> None:
    for answer, left in ((b"n\n", 3), (b"", 3), (b"y\n", 0)):
        subprocess.run([*COMMAND, "image", "prune", "-a"], env=made.environment, input=answer, capture_output=True)
        assert len(names(made)) == left


def test_what_was_cut_off_is_pruned(made: Host) -> None:
    file = made.root / f"content/partial/sha256-{'0' * 64}/data"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x" * 4096)
    assert "Total reclaimed space: 4.096kB" in made.run("image", "prune", "-f")
    assert not file.exists()


def test_df(made: Host) -> None:
    lines = made.run("system", "df").splitlines()
    assert re.split(r" {3,}", lines[0]) == ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"]
    assert re.split(r" {3,}", lines[1])[:3] == ["Images", "2", "0"]
    assert "UNIQUE SIZE" in made.run("system", "df", "-v")
    # Networks are the machine's and not of a root: this one has none.
    command = ["unshare", "--net", *COMMAND, "system", "prune", "-a", "-f"]
    done = subprocess.run(command, env=made.environment, capture_output=True, text=True)
    assert "Total reclaimed space: " in done.stdout, done
    assert re.split(r" {3,}", made.run("system", "df").splitlines()[1]) == ["Images", "0", "0", "0B", "0B"]


def test_search(registry: Registry, host: Host) -> None:
    found = host.run("search", f"{registry.host}/MULTI").splitlines()
    assert found == ["NAME", f"{registry.host}/team/multi"]
    assert len(host.run("search", "--limit", "1", "--format", "{{.Name}}", f"{registry.host}/team").splitlines()) == 1


def test_logins(registry: Registry, host: Host) -> None:
    kept = host.folder / "docker" / "config.json"
    said = host.run("login", "-u", "me", "--password-stdin", registry.host, given=b"secret\n")
    assert said == "Login Succeeded\n"
    assert list(json.loads(kept.read_text())["auths"]) == [registry.host]
    assert host.run("logout", registry.host) == f"Removing login credentials for {registry.host}\n"
    assert json.loads(kept.read_text()).get("auths", {}) == {}
    assert "secret" not in host.refused("login", "-u", "me", "--password-stdin", "127.0.0.1:1", given=b"secret")
    assert "goes with" in host.refused("login", "--password-stdin", registry.host, code=125)


def test_another_default_registry(registry: Registry, new_host: Callable[[], Host]) -> None:
    host = new_host()
    settings = host.folder / "runtime.toml"
    settings.write_text(f'default_registry = "{registry.host}"\n')
    host.environment["ENTREPOT_RUNTIME_CONFIG"] = str(settings)
    assert "Status: Downloaded newer image for team/plain:1" in host.run("pull", "team/plain:1")
    assert names(host) == ["team/plain:1"]
    settings.write_text("default = 1\n")
    assert "unknown field" in host.refused("images", code=125)


def test_a_terminal_sees_bars(registry: Registry, host: Host) -> None:
    leader, follower = pty.openpty()
    environment = {**host.environment, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
    command = [*COMMAND, "pull", f"{registry.host}/team/plain:1"]
    with subprocess.Popen(command, env=environment, stdout=follower) as pulling:
        os.close(follower)
        seen = b""
        while True:
            try:
                data = os.read(leader, 65536)
            except OSError:  # the terminal's other side is closed
                break
            seen += data
    os.close(leader)
    assert pulling.returncode == 0
    assert b"\x1b[2K" in seen
    assert re.search(rb"(Downloading|Extracting) \[=+>? *\] +[\d.]+[kM]?B/12\.?\d*MB", seen)
    assert seen.count(b"Pull complete") >= 3
    assert b"Status: Downloaded newer image" in seen
