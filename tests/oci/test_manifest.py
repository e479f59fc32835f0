"""Manifests: what the conformance suite and real clients push is read; what clients could read two ways is refused."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.oci import mediatypes
from registry.oci.errors import ManifestInvalid
from registry.oci.manifest import Manifest, parse

OCI = mediatypes.OCI_MANIFEST
INDEX = mediatypes.OCI_INDEX
EMPTY = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def blob(number: int, media_type: str = mediatypes.OCI_LAYER_GZIP, **more: object) -> dict[str, object]:
    return {"mediaType": media_type, "digest": f"sha256:{number:064x}", "size": number, **more}


def image(**change: object) -> dict[str, object]:
    body = {
        "schemaVersion": 2,
        "mediaType": OCI,
        "config": blob(1, mediatypes.OCI_CONFIG),
        "layers": [blob(2), blob(3)],
    }
    return {key: value for key, value in {**body, **change}.items() if value != "absent"}


def index(**change: object) -> dict[str, object]:
    body = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [blob(1, OCI), blob(2, INDEX)]}
    return {key: value for key, value in {**body, **change}.items() if value != "absent"}


def read(body: object, content_type: str | None = None) -> Manifest:
    return parse(json.dumps(body).encode(), content_type, 32)


def refusal(body: object, content_type: str | None = None) -> str:
    with pytest.raises(ManifestInvalid) as refused:
        read(body, content_type)
    return refused.value.message


def test_an_image() -> None:
    found = read(image(annotations={"k": "v"}), OCI)
    assert (found.media_type, found.is_index, found.annotations) == (OCI, False, {"k": "v"})
    assert found.config is not None
    assert [one.size for one in [found.config, *found.layers]] == [1, 2, 3]
    assert found.required_blobs == [found.config, *found.layers]
    assert (found.manifests, found.subject) == ([], None)
    assert found.artifact_type == mediatypes.OCI_CONFIG


def test_an_index() -> None:
    found = read(index(), INDEX)
    assert (found.media_type, found.is_index) == (INDEX, True)
    assert [one.media_type for one in found.manifests] == [OCI, INDEX]
    assert (found.config, found.layers, found.required_blobs) == (None, [], [])
    assert (found.subject, found.annotations, found.artifact_type) == (None, {}, None)


@pytest.mark.parametrize("media_type", sorted(mediatypes.MANIFESTS))
def test_every_supported_type_by_body_and_by_header(media_type: str) -> None:
    build = index if media_type in mediatypes.INDEXES else image
    assert read(build(mediaType=media_type), media_type).media_type == media_type
    assert read(build(mediaType=media_type), None).media_type == media_type
    if media_type in mediatypes.DOCKER:
        with pytest.raises(ManifestInvalid, match="must have mediaType"):
            read(build(mediaType="absent"), media_type)
    else:
        assert read(build(mediaType="absent"), media_type).media_type == media_type
    assert read(build(mediaType=media_type), f"{media_type.upper()}; charset=utf-8").media_type == media_type


def test_without_any_type_the_fields_tell() -> None:
    assert read(image(mediaType="absent")).media_type == OCI
    assert read(index(mediaType=""), "").media_type == INDEX


@pytest.mark.parametrize(
    "body",
    [
        image(layers=[]),
        image(layers=None),
        image(layers="absent"),
        image(layers=[blob(2, data="aGVsbG8=")]),
        image(layers=[{"mediaType": "application/x", "digest": "sha512:" + "0a" * 64, "size": 0}]),
        image(custom={"any": [1, None, {"thing": 2.5}]}, Custom="x"),
        image(config=blob(1, mediatypes.OCI_CONFIG, Custom="x", org={"a": 1})),
        image(
            artifactType="application/vnd.example",
            config={"mediaType": "application/vnd.oci.empty.v1+json", "digest": EMPTY, "size": 2},
        ),
        image(subject={"mediaType": OCI, "digest": "sha256:" + "f" * 64, "size": 9}),
        image(subject={"digest": "sha256:" + "f" * 64}),
        image(subject=None, annotations=None, artifactType=None),
        image(config=blob(1, "")),
        index(manifests=[]),
        index(manifests=None),
        index(
            manifests=[blob(1, OCI, platform={"os": "linux", "architecture": "amd64"}), blob(9, "application/other")]
        ),
        index(manifests=[blob(1, OCI, artifactType="application/x")]),
        index(subject=blob(7, INDEX), artifactType="application/vnd.example", annotations={"a": ""}),
    ],
)
def test_what_the_conformance_suite_and_clients_push_is_read(body: dict[str, object]) -> None:
    assert read(body, str(body["mediaType"])).media_type == body["mediaType"]


@pytest.mark.parametrize("media_type", sorted(mediatypes.NON_DISTRIBUTABLE))
def test_layers_that_may_live_elsewhere_are_not_required(media_type: str) -> None:
    found = read(image(layers=[blob(2, media_type), blob(3), blob(4, urls=["https://a/b"]), blob(5, urls=[])]))
    assert [one.size for one in found.required_blobs] == [1, 3, 5]
    assert len(found.layers) == 4


def test_the_effective_artifact_type() -> None:
    assert read(image(artifactType="application/a")).artifact_type == "application/a"
    assert read(image(artifactType="")).artifact_type == mediatypes.OCI_CONFIG
    assert read(image(artifactType="", config=blob(1, ""))).artifact_type is None
    assert read(index(artifactType="application/a")).artifact_type == "application/a"


def test_the_subject_is_read() -> None:
    found = read(index(subject=blob(7, OCI)))
    assert found.subject is not None
    assert (found.subject.digest, found.subject.media_type) == (f"sha256:{7:064x}", OCI)


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        (image(), INDEX, "came as"),
        (image(), "application/json", "send the same in Content-Type"),
        (image(manifests=[]), OCI, "must not have manifests"),
        (image(manifests=None), OCI, "must not have manifests"),
        (index(layers=[]), INDEX, "must not have layers"),
        (index(config=blob(1)), INDEX, "must not have config"),
        (index(mediaType="absent", layers=[]), None, "must not have layers"),
        (image(mediaType="absent"), INDEX, "must not have config"),
        (index(mediaType="absent"), OCI, "must not have manifests"),
        (image(config="absent"), OCI, "must have config"),
        (image(config=None), OCI, "config must be a descriptor"),
        (index(manifests="absent"), INDEX, "must have manifests"),
        (index(manifests={}), INDEX, "manifests must be a list"),
        (image(layers={}), OCI, "layers must be a list"),
        (image(layers=[blob(1), None]), OCI, "layers[1] must be a descriptor"),
        (image(layers=[blob(-1)]), OCI, "layers[0] has"),
        (image(schemaVersion="absent"), OCI, "has schemaVersion None; it must be 2"),
        (image(schemaVersion=2.0), OCI, "schemaVersion 2.0"),
        (image(schemaVersion=True), OCI, "schemaVersion True"),
        (image(schemaVersion=3), OCI, "schemaVersion 3"),
        (image(schemaVersion=1), None, "schema 1 manifests are not supported"),
        (image(fsLayers=[]), OCI, "schema 1 manifests are not supported"),
        *((image(mediaType=one), one, "schema 1 manifests are not supported") for one in sorted(mediatypes.SCHEMA1)),
        *(
            (image(mediaType="absent"), one, "schema 1 manifests are not supported")
            for one in sorted(mediatypes.SCHEMA1)
        ),
        (image(mediaType="application/x"), "application/x", "manifests of type 'application/x' are not supported"),
        (image(mediaType=5), OCI, "has mediaType 5"),
        (image(Layers=[]), OCI, "has the field 'Layers'"),
        (image(artifactType={}), OCI, "has artifactType an object"),
        (image(annotations={"a": None}), OCI, "annotation 'a'"),
        (image(annotations=[]), OCI, "annotations that are not an object"),
        (image(subject="x"), OCI, "subject must be a descriptor"),
        ([], OCI, "must be a JSON object"),
        (None, OCI, "must be a JSON object"),
        ({}, None, "schemaVersion"),
    ],
)
def test_what_is_wrong_is_said(body: object, content_type: str | None, said: str) -> None:
    assert said in refusal(body, content_type)


@pytest.mark.parametrize("payload", [b"", b"{", b'{"a":1,"a":2}', b"\xff", b"NaN", b"[" * 100 + b"]" * 100])
def test_what_is_not_strict_json_is_refused(payload: bytes) -> None:
    with pytest.raises(ManifestInvalid, match="the manifest is not strict JSON: "):
        parse(payload, OCI, 32)


def test_the_depth_is_a_setting() -> None:
    payload = json.dumps(image(deep=[[[[]]]])).encode()
    assert parse(payload, OCI, 5).media_type == OCI
    with pytest.raises(ManifestInvalid, match="nested deeper than 4"):
        parse(payload, OCI, 4)


scalars = st.none() | st.booleans() | st.integers(-2, 3) | st.text(max_size=3) | st.sampled_from([OCI, INDEX, EMPTY])
names = st.sampled_from(
    [
        "schemaVersion",
        "mediaType",
        "config",
        "layers",
        "manifests",
        "subject",
        "annotations",
        "digest",
        "size",
        "urls",
        "data",
    ]
)
things = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=12
)


@given(st.sampled_from([image, index]), st.dictionaries(names, things, max_size=3), st.sampled_from([None, OCI, INDEX]))
def test_nothing_but_a_manifest_or_a_refusal_comes_of_any_json(
    build: Callable[..., object], change: dict[str, object], content_type: str | None
) -> None:
    try:
        found = read(build(**change), content_type)
    except ManifestInvalid:
        pass
    else:
        assert found.media_type in mediatypes.MANIFESTS
        assert found.is_index == (found.config is None)
        assert not (found.is_index and found.layers)
