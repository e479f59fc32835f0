"""Files in and out of containers, and images made of them: cp, diff, export, commit, import, save, load, history."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.e2e.containers.engines import Engine

pytestmark = pytest.mark.e2e

NONE = "--network=none"


def tree(folder: Path) -> list[str]:
    """What is below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_files_are_copied_both_ways(engine: Engine, tmp_path: Path) -> None:
    here, back = tmp_path / "here", tmp_path / "back"
    (here / "deep").mkdir(parents=True)
    back.mkdir()
    (here / "file").write_text("content\n")
    (here / "deep" / "inner").write_text("deeper\n")
    (here / "link").symlink_to("file")
    os.chmod(here / "file", 0o640)
    script = "mkdir -p /made /vol; ln -s /etc /made/way; echo kept > /made/kept; sleep 1000"
    engine("create", "--name", "copies", "-v", "/vol", NONE, "busybox", "sh", "-c", script)
    engine("cp", here / "file", "copies:/tmp")  # one that was never started
    engine("start", "copies")
    engine("cp", here, "copies:/tmp")
    engine("cp", f"{here}/.", "copies:/tmp/flat")
    engine("cp", here / "file", "copies:/tmp/renamed")
    engine("cp", "-L", here / "link", "copies:/vol/")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(here, "packed")
    engine("cp", "-", "copies:/tmp", stdin=packed.getvalue())
    shown = engine.lines("exec", "copies", "find", "/tmp", "/vol", "!", "-type", "d")
    assert sorted(shown) == [
        *("/tmp/file", "/tmp/flat/deep/inner", "/tmp/flat/file", "/tmp/flat/link"),
        *("/tmp/here/deep/inner", "/tmp/here/file", "/tmp/here/link"),
        *("/tmp/packed/deep/inner", "/tmp/packed/file", "/tmp/packed/link", "/tmp/renamed", "/vol/link"),
    ]
    assert engine("exec", "copies", "stat", "-c", "%a %u:%g", "/tmp/file", "/tmp/here/file") == "640 0:0\n640 0:0\n"
    engine("cp", "copies:/tmp/here", back)
    engine("cp", "copies:/tmp/file", back / "one")
    engine("cp", "copies:/made/way", back / "way")
    engine("cp", "copies:/made/way/passwd", back / "passwd")  # a link within the container leads within it
    assert tree(back) == ["here", "here/deep", "here/deep/inner", "here/file", "here/link", "one", "passwd", "way"]
    assert (back / "one").read_text() == "content\n"
    assert os.readlink(back / "way") == "/etc"
    assert (back / "passwd").read_text().startswith("root:x:0:0:root:/:/bin/sh\nuser:")
    with tarfile.open(fileobj=io.BytesIO(_raw(engine, "cp", "copies:/tmp/here", "-"))) as tar:
        assert sorted(tar.getnames()) == ["here", "here/deep", "here/deep/inner", "here/file", "here/link"]
    wrong: list[tuple[str | Path, str | Path]] = [
        ("copies:/nosuch", back),
        (here / "file", "copies:/no/such/"),
        (here, "copies:/tmp/file"),
    ]
    for words in (*wrong, (f"{here}/file/", "copies:/tmp"), ("copies:/tmp/file/", back)):
        engine.refuses("cp", *words)
    changes = set(engine.lines("diff", "copies"))
    assert "A /vol" in changes  # made for the volume
    assert {"C /tmp", "A /tmp/here", "A /tmp/here/deep/inner", "A /made/kept", "A /made"} <= changes
    assert not [change for change in changes if change.endswith(("hosts", "resolv.conf", "/vol/link"))]
    engine("exec", "copies", "rm", "/data/kept")
    assert "D /data/kept" in engine.lines("diff", "copies")
    engine("rm", "-fv", "copies")


def test_a_link_that_was_planted_leads_nowhere(engine: Engine, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    script = f"mkdir -p /x{tmp_path}; ln -s {outside} /way; ln -s ../../../../../../..{outside} /up; sleep 1000"
    engine("run", "-d", "--name", "planted", NONE, "busybox", "sh", "-c", script)
    (tmp_path / "file").write_text("x")
    for target in ("planted:/way/file", "planted:/up/file"):
        engine.refuses("cp", tmp_path / "file", target)
    assert os.listdir(outside) == []
    engine("rm", "-f", "planted")


def test_images_are_made_of_containers(engine: Engine, tmp_path: Path) -> None:
    script = "echo content > /made; rm /data/kept; chmod 4755 /bin/busybox"
    engine("run", "--name", "source", "-e", "OF=container", NONE, "busybox", "sh", "-c", script)
    changes = (
        *("-c", 'CMD ["cat", "/made"]', "--change", "ENV A=b", "-c", "LABEL by=commit", "-c", "EXPOSE 80 81/udp"),
        *("-c", "WORKDIR /tmp", "-c", "VOLUME /vol", "-c", "USER user"),
    )
    id = engine("commit", "-m", "a message", "-a", "An Author <a@b>", *changes, "source", "made:1").strip()
    assert id.startswith("sha256:")
    assert engine("run", "--rm", NONE, "made:1") == "content\n"
    assert (
        engine("run", "--rm", NONE, "made:1", "sh", "-c", "pwd; id -un; echo $A $OF; ls /data")
        == "/tmp\nuser\nb container\n"
    )
    [told] = engine.document("image", "inspect", "made:1")
    assert told["Id"] == id
    assert (told["Author"], told["Comment"], told["RepoTags"]) == ("An Author <a@b>", "a message", ["made:1"])
    config = told["Config"]
    assert config["Cmd"] == ["cat", "/made"]
    assert config["ExposedPorts"] == {"80/tcp": {}, "81/udp": {}}
    assert {"A=b", "OF=container"} <= set(config["Env"])
    assert config["Labels"] == {"made": "here", "by": "commit"}
    assert (config["User"], config["WorkingDir"]) == ("user", "/tmp")
    assert config["Volumes"] == {"/vol": {}}
    assert len(told["RootFS"]["Layers"]) == 2
    steps = engine.lines("history", "--no-trunc", "--format", "{{.ID}}|{{.CreatedBy}}|{{.Comment}}", "made:1")
    assert len(steps) == 2
    assert steps[0] == f"{id}|sh -c {script}|a message"
    assert engine.lines("history", "-q", "made:1")[0] == id.removeprefix("sha256:")[:12]
    heading = engine.lines("history", "made:1")[0].split()
    assert heading == ["IMAGE", "CREATED", "CREATED", "BY", "SIZE", "COMMENT"]

    engine("export", "-o", tmp_path / "all.tar", "source")
    with tarfile.open(tmp_path / "all.tar") as tar:
        names = [name.rstrip("/") for name in tar.getnames()]
        assert {"made", "bin/busybox", "bin/sh", "data"} <= set(names)
        assert "data/kept" not in names
        assert tar.getmember("bin/busybox").mode & 0o7777 == 0o4755
    assert _raw(engine, "export", "source")[257:262] == b"ustar"
    words = ("--change", "ENTRYPOINT /bin/cat /made", "-m", "from outside")
    with (tmp_path / "all.tar").open("rb") as file:
        engine("import", *words, "-", "flat:2", stdin=file.read())
    assert engine("run", "--rm", NONE, "flat:2") == "content\n"
    assert engine.asked("flat:2", "{{len .RootFS.Layers}} {{.Comment}} {{.Config.Entrypoint}}") == (
        "1 from outside [/bin/sh -c /bin/cat /made]"
    )

    engine("tag", "made:1", "more/made:latest")
    engine("save", "-o", tmp_path / "saved.tar", "made:1", "more/made", "flat:2")
    engine("rm", "source")
    assert "Untagged: made:1" in engine("rmi", "made:1")
    removed = engine.lines("image", "rm", "more/made", "flat:2")
    assert {"Untagged: more/made:latest", "Untagged: flat:2", f"Deleted: {id}"} <= set(removed)
    assert "no such image" in engine.refuses("rmi", "made:1")
    assert sorted(engine.lines("load", "-q", "-i", tmp_path / "saved.tar")) == [
        f"Loaded image: {name}" for name in ("flat:2", "made:1", "more/made:latest")
    ]
    assert engine.asked("made:1", "{{.Id}}") == id
    engine("rmi", "made:1", "more/made")
    packed = subprocess.run(
        ["zstd" if not engine.is_docker else "gzip", "-c", tmp_path / "saved.tar"], capture_output=True, check=True
    ).stdout
    assert "Loaded image: made:1" in engine("load", stdin=packed)
    assert engine("run", "--rm", NONE, "made:1") == "content\n"
    engine("rmi", "made:1", "more/made", "flat:2")


def _raw(engine: Engine, *args: str | Path) -> bytes:
    process = engine.begin(*args)
    out, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return out


def test_archives_go_from_one_to_the_other(entrepot: Engine, on_docker: Engine, tmp_path: Path) -> None:
    for first, second in ((entrepot, on_docker), (on_docker, entrepot)):
        first("run", "--name", "carried", NONE, "busybox", "sh", "-c", f"echo from {first.name} > /made; rm /data/kept")
        id = first("commit", "-c", 'CMD ["cat", "/made"]', "carried", f"carried/{entrepot.name}:{first.name}").strip()
        first("rm", "carried")
        name = f"carried/{entrepot.name}:{first.name}"
        first("save", "-o", tmp_path / first.name, name)
        assert loaded(second, tmp_path / first.name) == name
        assert second.asked(name, "{{.Id}}") == id
        assert second("run", "--rm", NONE, name) == f"from {first.name}\n"
        assert second("run", "--rm", NONE, name, "ls", "/data") == ""
        steps = [each("history", "-q", "--no-trunc", name) for each in (first, second)]
        assert steps[0].splitlines()[0] == steps[1].splitlines()[0] == id
        for each in (first, second):
            each("rmi", name)


def loaded(engine: Engine, path: Path) -> str:
    """Load an archive; the name of the one image in it."""
    return engine.lines("load", "-q", "-i", path)[-1].removeprefix("Loaded image: ")
