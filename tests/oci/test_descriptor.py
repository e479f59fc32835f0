"""Descriptors: every field by table, and sizes and digests by property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.oci.descriptor import Descriptor, parse, parse_subject, valid_digest
from registry.oci.errors import ManifestInvalid

SHA256 = "sha256:" + "0a" * 32
SHA512 = "sha512:" + "0a" * 64


def fields(**more: object) -> dict[str, object]:
    return {"mediaType": "application/x", "digest": SHA256, "size": 3, **more}


def test_the_three_required_fields_are_enough() -> None:
    assert parse(fields(), "config") == Descriptor("application/x", SHA256, 3)


def test_every_field_is_read_and_unknown_ones_are_ignored() -> None:
    options = {"urls": ["https://a/b"], "annotations": {"k": "v"}, "platform": {"os": "linux"}, "data": "e30="}
    found = parse(fields(artifactType="application/y", newer={"x": [1]}, **options), "config")
    assert found == Descriptor("application/x", SHA256, 3, artifact_type="application/y", **options)  # type: ignore[arg-type]


def test_null_is_the_same_as_missing() -> None:
    empty = dict.fromkeys(["urls", "annotations", "platform", "data", "artifactType"])
    assert parse(fields(**empty), "config") == parse(fields(), "config")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mediaType": None}, "layers[2] has no mediaType"),
        ({"mediaType": 1}, "layers[2] has mediaType 1; it must be a media type"),
        ({"mediaType": "a\nb"}, "must be a media type"),
        ({"mediaType": "é"}, "must be a media type"),
        ({"mediaType": "a" * 256}, "must be a media type"),
        ({"artifactType": ["a"]}, "layers[2] has artifactType a list"),
        ({"digest": None}, "layers[2] has digest None; it must be like sha256:"),
        ({"digest": SHA256.upper()}, "must be like"),
        ({"digest": "sha256:" + "0A" * 32}, "must be like"),
        ({"digest": SHA256 + "\n"}, "must be like"),
        ({"digest": "sha256:baddigeststring"}, "must be like"),
        ({"size": None}, "layers[2] has size None; it must be a whole number of bytes"),
        ({"size": True}, "has size True"),
        ({"size": -1}, "has size -1"),
        ({"size": 1.0}, "has size 1.0"),
        ({"size": "1"}, "has size '1'"),
        ({"size": 2**63}, "whole number of bytes"),
        ({"urls": "https://a"}, "urls that are not a list of strings"),
        ({"urls": [1]}, "urls that are not a list of strings"),
        ({"annotations": []}, "annotations that are not an object"),
        ({"annotations": {"k": 1}}, "annotation 'k' with a value that is not a string"),
        ({"platform": "linux"}, "a platform that is not an object"),
        ({"data": 1}, "data that is not a string"),
        ({"Digest": SHA512}, "has the field 'Digest'"),
        ({"\u017fize": 4}, "has the field"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, object], said: str) -> None:
    with pytest.raises(ManifestInvalid) as refusal:
        parse(fields(**change), "layers[2]")
    assert said in refusal.value.message


@pytest.mark.parametrize("value", [None, [], "x", 1, True])
def test_what_is_not_an_object_is_no_descriptor(value: object) -> None:
    with pytest.raises(ManifestInvalid, match="config must be a descriptor"):
        parse(value, "config")
    with pytest.raises(ManifestInvalid, match="subject must be a descriptor"):
        parse_subject(value)


def test_a_subject_needs_only_a_digest() -> None:
    assert parse_subject({"digest": SHA512}) == Descriptor("", SHA512, 0)
    assert parse_subject(fields()) == Descriptor("application/x", SHA256, 3)
    with pytest.raises(ManifestInvalid, match="subject has digest None"):
        parse_subject({"mediaType": "application/x", "size": 1})
    with pytest.raises(ManifestInvalid, match="subject has size -1"):
        parse_subject(fields(size=-1))


def test_a_long_value_is_cut_in_the_text() -> None:
    with pytest.raises(ManifestInvalid) as refusal:
        parse(fields(digest="x" * 1_000_000), "config")
    assert len(refusal.value.message) < 300


@pytest.mark.parametrize("digest", [SHA256, SHA512, "blake3:" + "0a" * 32, "md5+b64u.x_y-z:Ab=_-9", "a:b"])
def test_digests_of_the_grammar_are_valid(digest: str) -> None:
    assert valid_digest(digest)


@pytest.mark.parametrize(
    "digest",
    [
        *(
            "",
            ":",
            "sha256",
            "sha256:",
            ":abc",
            "a++b:c",
            "+a:c",
            "a+:c",
            "A:c",
            "a:b:c",
            "a:b/c",
            "a:..",
            "é:c",
            "a:é",
        ),
        *(SHA256[:-1], SHA256 + "0", SHA512[:-1], SHA512 + "0", "sha512:" + "0A" * 64, "sha256:" + "0g" * 32),
        "a:" + "b" * 254,
    ],
)
def test_other_digests_are_not(digest: str) -> None:
    assert not valid_digest(digest)


@given(st.integers())
def test_a_size_is_a_whole_number_of_63_bits(size: int) -> None:
    if 0 <= size < 2**63:
        assert parse(fields(size=size), "x").size == size
    else:
        with pytest.raises(ManifestInvalid):
            parse(fields(size=size), "x")
