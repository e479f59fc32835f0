"""What happens to images and volumes is told as docker tells it."""

import json
import tarfile
from pathlib import Path

from tests.runtime.cli.containers.conftest import Command


def told(command: Command, *filters: str) -> list[tuple[str, str, dict[str, str]]]:
    """Events: what, of which, and the rest."""
    wanted = [word for each in filters for word in ("--filter", each)]
    lines = command("events", "--since", "1m", "--until", "0s", "--format", "json", *wanted).splitlines()
    events = [json.loads(line) for line in lines]
    return [(event["Action"], event["Actor"]["ID"], event["Actor"]["Attributes"]) for event in events]


def test_what_happens_to_images(command: Command, tmp_path: Path) -> None:
    archive, saved = tmp_path / "layer.tar", tmp_path / "saved.tar"
    tarfile.open(archive, "w").close()
    id = command("import", "-c", "LABEL of=test", str(archive), "made:1").strip()
    command("tag", "made:1", "made:2")
    command("save", "-o", str(saved), "made:2")
    command("rmi", "made:1")
    command("rmi", "made:2")
    command("load", "-i", str(saved))
    command("image", "prune", "-af", "--filter", "label=of=test")
    by_id = {"name": id}
    assert told(command, "type=image", f"image={id}") == [
        ("import", id, by_id),
        ("tag", id, {"name": "made:2"}),
        ("save", id, by_id),
        ("untag", id, by_id),
        ("untag", id, by_id),
        ("delete", id, by_id),
        ("load", id, by_id),
        ("untag", id, by_id),
        ("delete", id, by_id),
    ]
    assert [action for action, *_ in told(command, "type=image", "image=made:2")] == ["tag"]


def test_what_happens_to_volumes(command: Command) -> None:
    command("volume", "create", "kept")
    command("volume", "create", "kept")
    command("run", "--rm", "-v", "kept:/one", "-v", "/two", "busybox", "true")
    command("volume", "rm", "kept")
    local = {"driver": "local"}
    assert told(command, "volume=kept") == [("create", "kept", local), ("destroy", "kept", local)]
    anonymous = [(action, id) for action, id, _ in told(command, "type=volume") if id != "kept"]
    assert [action for action, _ in anonymous[-2:]] == ["create", "destroy"]
    assert anonymous[-2][1] == anonymous[-1][1]
