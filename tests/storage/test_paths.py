"""The tree of stored paths, and the grammar that every path must have."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import paths
from storage.checked import Checked, check_path
from storage.digest import Digest
from storage.drivers import load
from storage.errors import InvalidPath, StorageError

DIGEST = Digest.of(b"")
HEX = DIGEST.hex
REPOSITORY = "docker/registry/v2/repositories/team/app"


def test_the_tree_is_the_reference_registrys() -> None:
    assert {
        paths.blob_data(DIGEST): f"docker/registry/v2/blobs/sha256/{HEX[:2]}/{HEX}/data",
        paths.repository_dir("team/app"): REPOSITORY,
        paths.upload_dir("team/app", "1"): f"{REPOSITORY}/_uploads/1",
        paths.upload_data("team/app", "1"): f"{REPOSITORY}/_uploads/1/data",
        paths.layer_link("team/app", DIGEST): f"{REPOSITORY}/_layers/sha256/{HEX}/link",
        paths.revision_link("team/app", DIGEST): f"{REPOSITORY}/_manifests/revisions/sha256/{HEX}/link",
        paths.tag_dir("team/app", "v1"): f"{REPOSITORY}/_manifests/tags/v1",
        paths.tag_current_link("team/app", "v1"): f"{REPOSITORY}/_manifests/tags/v1/current/link",
        paths.tag_index_link("team/app", "v1", DIGEST): f"{REPOSITORY}/_manifests/tags/v1/index/sha256/{HEX}/link",
        paths.quarantine(DIGEST): f"docker/registry/v2/quarantine/sha256/{HEX}",
    } == {path: path for path in all_paths("team/app", "v1", DIGEST)}


def all_paths(repository: str, tag: str, digest: Digest) -> list[str]:
    return [
        paths.blob_data(digest),
        paths.repository_dir(repository),
        paths.upload_dir(repository, "1"),
        paths.upload_data(repository, "1"),
        paths.layer_link(repository, digest),
        paths.revision_link(repository, digest),
        paths.tag_dir(repository, tag),
        paths.tag_current_link(repository, tag),
        paths.tag_index_link(repository, tag, digest),
        paths.quarantine(digest),
    ]


# Distribution spec, "Pulling manifests": the grammars of <name> and of <reference> as a tag.
names = st.from_regex(r"\A[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*\Z")
tags = st.from_regex(r"\A[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}\Z")


@given(names.filter(lambda name: len(name) <= 255), tags, st.binary(), st.sampled_from(["sha256", "sha512"]))
def test_every_name_and_tag_of_the_spec_has_paths(name: str, tag: str, data: bytes, algorithm: str) -> None:
    for path in all_paths(name, tag, Digest.of(data, algorithm)):
        check_path(path)


@given(st.text("ab._-/\\\0\n é", max_size=30) | st.text())
def test_no_path_leaves_the_root(path: str) -> None:
    try:
        check_path(path)
    except InvalidPath:
        return
    assert os.path.normpath(path) == path
    assert not path.startswith(("/", "."))
    assert "/." not in path


BAD = ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/.b", "a\0", "a\n", "é", "a b", "a" * 256, "a/" * 600 + "a"]


@pytest.mark.parametrize("path", BAD)
def test_refused_by_every_operation(path: str) -> None:
    driver = Checked(load("memory"))
    driver.put("a", b"")
    for call in (
        driver.stat, driver.open, driver.create, driver.resume, driver.delete, driver.delete_tree,
        lambda path: driver.read(path, 1), lambda path: driver.put(path, b""), lambda path: driver.move(path, "b"),
        lambda path: driver.move("a", path), lambda path: driver.create("u").commit(path),
    ):  # fmt: skip
        with pytest.raises(InvalidPath):
            call(path)
    if path:
        with pytest.raises(InvalidPath):
            driver.list(path)
    assert list(driver.list("")) == ["a", "u"]


def test_an_unknown_driver_is_told_the_known() -> None:
    with pytest.raises(StorageError, match="storage driver tape is not known, use one of filesystem, memory"):
        load("tape")


def test_a_folder_that_cannot_be_used() -> None:
    with pytest.raises(StorageError, match="/dev/null"):
        load("filesystem", path="/dev/null/storage")
