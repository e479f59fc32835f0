"""Media types: the sets do not overlap, and a Content-Type is read without its parameters."""

import pytest

from registry.oci import mediatypes


def test_every_manifest_type_is_of_one_kind() -> None:
    assert not mediatypes.IMAGE_MANIFESTS & mediatypes.INDEXES
    assert mediatypes.MANIFESTS == mediatypes.IMAGE_MANIFESTS | mediatypes.INDEXES
    assert not mediatypes.MANIFESTS & mediatypes.SCHEMA1
    assert not mediatypes.MANIFESTS & mediatypes.NON_DISTRIBUTABLE


@pytest.mark.parametrize(
    ("header", "essence"),
    [
        (mediatypes.OCI_INDEX, mediatypes.OCI_INDEX),
        (mediatypes.OCI_INDEX.upper(), mediatypes.OCI_INDEX),
        (f" {mediatypes.OCI_INDEX} ; charset=utf-8", mediatypes.OCI_INDEX),
        ("", ""),
        (";", ""),
    ],
)
def test_the_essence_leaves_parameters_out(header: str, essence: str) -> None:
    assert mediatypes.essence(header) == essence
