"""Names as docker reads and shows them."""

import pytest

from runtime.images.errors import InvalidName
from runtime.images.names import familiar, parse, tagged

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "full", "shown"),
    [
        ("busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("team/app:1.2", "docker.io/team/app:1.2", "team/app:1.2"),
        ("docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("index.docker.io/library/busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("localhost/app", "localhost/app:latest", "localhost/app:latest"),
        ("localhost:5000/a/b/c:t", "localhost:5000/a/b/c:t", "localhost:5000/a/b/c:t"),
        ("host.example/app", "host.example/app:latest", "host.example/app:latest"),
        ("HOST/app", "HOST/app:latest", "HOST/app:latest"),
        ("[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"),
        (f"app@{DIGEST}", f"docker.io/library/app@{DIGEST}", f"app@{DIGEST}"),
        (f"app:x@{DIGEST}", f"docker.io/library/app@{DIGEST}", f"app@{DIGEST}"),
        ("docker.io/library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
    ],
)
def test_a_name_means_and_is_shown_as_with_docker(text: str, full: str, shown: str) -> None:
    name = tagged(text)
    assert (str(name), familiar(name)) == (full, shown)
    assert tagged(familiar(name))._replace(tag="") == name._replace(tag="")


def test_another_default_registry() -> None:
    home = "registry.example:5000"
    name = tagged("busybox", home)
    assert str(name) == "registry.example:5000/busybox:latest"
    assert familiar(name, home) == "busybox:latest"
    assert familiar(tagged("docker.io/busybox", home), home) == "docker.io/library/busybox:latest"
    assert parse("a").tag == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Busybox",
        "a/",
        "/a",
        "a:",
        "a:b:c",
        "a@sha256:12",
        "-a",
        "a..b",
        "f" * 64,
        "host_x:1/a",
        f"a:{'t' * 129}",
        "a b",
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        tagged(text)
