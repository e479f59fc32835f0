"""What the tests of the engine share: a root file system, made once, and bundles that are cleared away."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from runtime.engine import locks
from tests.runtime.engine.bundles import Bundle, busybox_tree


class Make(Protocol):
    """Makes a bundle that runs these words."""

    def __call__(self, *args: str, tty: bool = False, memory: int = 0) -> Bundle: ...


@pytest.fixture(scope="session")
def rootfs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """busybox."""
    return busybox_tree(tmp_path_factory.mktemp("rootfs"))


@pytest.fixture
def bundle(tmp_path: Path, rootfs: Path) -> Iterator[Make]:
    """Makes bundles; at the end nothing of them runs."""
    made: list[Bundle] = []

    def make(*args: str, tty: bool = False, memory: int = 0) -> Bundle:
        made.append(Bundle(tmp_path, rootfs, *args, tty=tty, memory=memory))
        return made[-1]

    yield make
    for one in made:
        one.clear()
        assert locks.until_free(one.of.monitor, 10)
