"""The referrers API: what refers to a subject, filtered, paged, also before the subject is there."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.protocol.client import Client, Response
from tests.protocol.content import (
    OCI_CONFIG,
    OCI_EMPTY,
    OCI_INDEX,
    OCI_LAYER,
    SBOM,
    Json,
    Manifest,
    Repository,
    descriptor,
    digest_of,
    image_document,
    index_document,
    manifest_of,
    new_repository,
    next_page,
    pages,
)
from tests.protocol.server import Server, running

SIGNATURE = "application/vnd.test.signature"


def listed(response: Response) -> list[Json]:
    """The descriptors of a referrers answer, checked for its form."""
    assert response.status == 200, response
    assert response.header("content-type") == OCI_INDEX
    document = response.json()
    assert (document["schemaVersion"], document["mediaType"]) == (2, OCI_INDEX)
    manifests = document["manifests"]
    assert isinstance(manifests, list)
    return manifests


def digests(response: Response) -> set[str]:
    found = [entry["digest"] for entry in listed(response)]
    assert len(found) == len(set(found))
    return set(found)


def push(repository: Repository, manifest: Manifest, subject: str) -> Manifest:
    """Pushes a referrer; the answer must say that its subject was understood."""
    response = repository.put(manifest.digest, manifest)
    assert response.status == 201, response
    assert response.header("oci-subject") == subject
    return manifest


@pytest.fixture
def image(repository: Repository) -> Manifest:
    return repository.tag("latest", repository.image())


def test_nothing_refers(repository: Repository, image: Manifest, client: Client) -> None:
    assert listed(repository.referrers(image.digest)) == []
    assert listed(repository.referrers("sha256:" + "0" * 64)) == []
    assert listed(repository.referrers("sha512:" + "0" * 128)) == []
    assert listed(new_repository(client).referrers(image.digest)) == []


def test_no_subject_no_header(repository: Repository) -> None:
    assert repository.put("latest", repository.image()).get("oci-subject") is None


def test_descriptors(repository: Repository, image: Manifest) -> None:
    notes = {"org.test.note": "é \u2603", "b": ""}
    sbom = push(repository, repository.artifact(image.descriptor(), annotations=notes), image.digest)
    plain = repository.image("plain", subject=image.descriptor())
    push(repository, plain, image.digest)
    index = push(repository, manifest_of(index_document([], subject=image.descriptor(), a=1)), image.digest)
    typed = manifest_of(index_document([], subject=image.descriptor(), artifactType=SIGNATURE, annotations={"k": "v"}))
    push(repository, typed, image.digest)
    found = {entry["digest"]: entry for entry in listed(repository.referrers(image.digest))}
    assert found == {
        sbom.digest: sbom.descriptor(artifactType=SBOM, annotations=notes),
        # Without artifactType it is the type of the config.
        plain.digest: plain.descriptor(artifactType=OCI_CONFIG),
        # An index has no config, so there is nothing to fall back to.
        index.digest: index.descriptor(),
        typed.digest: typed.descriptor(artifactType=SIGNATURE, annotations={"k": "v"}),
    }


def test_an_empty_artifact_type_falls_back_too(repository: Repository, image: Manifest) -> None:
    empty = descriptor(b"{}", OCI_EMPTY)
    repository.push(b"{}")
    manifest = manifest_of(image_document(empty, [], artifactType="", subject=image.descriptor()))
    push(repository, manifest, image.digest)
    assert listed(repository.referrers(image.digest))[0]["artifactType"] == OCI_EMPTY


def test_filter(repository: Repository, image: Manifest) -> None:
    sbom = push(repository, repository.artifact(image.descriptor()), image.digest)
    signature = push(repository, repository.artifact(image.descriptor(), SIGNATURE), image.digest)
    unfiltered = repository.referrers(image.digest)
    assert unfiltered.get("oci-filters-applied") is None
    assert digests(unfiltered) == {sbom.digest, signature.digest}
    for kind, expected in ((SBOM, {sbom.digest}), (SIGNATURE, {signature.digest}), ("none/such", set())):
        response = repository.referrers(image.digest, f"?artifactType={kind}")
        assert response.header("oci-filters-applied") == "artifactType"
        assert digests(response) == expected
    quoted = repository.referrers(image.digest, "?artifactType=" + SBOM.replace("/", "%2F"))
    assert digests(quoted) == {sbom.digest}


def test_a_plus_in_the_filter(repository: Repository, image: Manifest) -> None:
    """A plus stands for itself when it is quoted; clients send it both ways."""
    kind = "application/vnd.test+json"
    artifact = push(repository, repository.artifact(image.descriptor(), kind), image.digest)
    for written in ("application/vnd.test%2Bjson", "application%2Fvnd.test%2Bjson"):
        assert digests(repository.referrers(image.digest, f"?artifactType={written}")) == {artifact.digest}


def test_subject_that_is_not_there(repository: Repository) -> None:
    missing = descriptor(b"pushed later", "application/vnd.oci.image.manifest.v1+json")
    artifact = push(repository, repository.artifact(missing), missing["digest"])
    assert digests(repository.referrers(missing["digest"])) == {artifact.digest}


def test_subject_by_sha512(repository: Repository, image: Manifest) -> None:
    long = digest_of(image.payload, "sha512")
    assert repository.put(long, image).status == 201
    subject = image.descriptor() | {"digest": long}
    artifact = push(repository, repository.artifact(subject), long)
    assert digests(repository.referrers(long)) == {artifact.digest}
    assert digests(repository.referrers(image.digest)) == set()


def test_referrers_stay_in_their_repository(repository: Repository, image: Manifest, client: Client) -> None:
    push(repository, repository.artifact(image.descriptor()), image.digest)
    other = new_repository(client)
    other.tag("latest", other.image())
    assert digests(other.referrers(image.digest)) == set()


def test_deletes_are_immediate(repository: Repository, image: Manifest) -> None:
    sbom = push(repository, repository.artifact(image.descriptor()), image.digest)
    signature = push(repository, repository.artifact(image.descriptor(), SIGNATURE), image.digest)
    assert repository.client.delete(repository.manifest(sbom.digest)).status == 202
    assert digests(repository.referrers(image.digest)) == {signature.digest}
    assert repository.client.delete(repository.manifest(image.digest)).status == 202
    assert digests(repository.referrers(image.digest)) == {signature.digest}


def test_entity_tag(repository: Repository, image: Manifest) -> None:
    tag = repository.referrers(image.digest).header("etag")
    url = f"/v2/{repository.name}/referrers/{image.digest}"
    assert repository.client.get(url, {"If-None-Match": tag}).status == 304
    push(repository, repository.artifact(image.descriptor()), image.digest)
    assert repository.client.get(url, {"If-None-Match": tag}).status == 200


def test_a_plus_in_the_filter_is_a_plus(repository: Repository, image: Manifest) -> None:
    """Shells and scripts write it as it is; `application/spdx+json` found nothing."""
    kind = "application/spdx+json"
    sbom = push(repository, repository.artifact(image.descriptor(), kind), image.digest)
    for written in (kind, kind.replace("+", "%2B"), kind.replace("+", "%2b").replace("/", "%2F")):
        assert digests(repository.referrers(image.digest, f"?artifactType={written}")) == {sbom.digest}, written


def test_an_empty_filter_is_none(repository: Repository, image: Manifest) -> None:
    sbom = push(repository, repository.artifact(image.descriptor()), image.digest)
    response = repository.referrers(image.digest, "?artifactType=&n=")
    assert digests(response) == {sbom.digest}
    assert response.get("oci-filters-applied") is None


def test_bad_digests(repository: Repository) -> None:
    for digest in ("latest", "sha256:abc", "md5:" + "0" * 32):
        response = repository.referrers(digest)
        assert response.status == 400, digest
        assert response.code == "DIGEST_INVALID"


@pytest.fixture(scope="module")
def paged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("referrers"), {"ENTREPOT_LIMITS_PAGE_SIZE": "4"}) as server:
        yield server


def test_paging(paged: Server) -> None:
    repository = new_repository(paged.client)
    image = repository.tag("latest", repository.image())
    pushed = {
        push(repository, repository.artifact(image.descriptor(), kind, annotations={"n": str(n)}), image.digest).digest
        for n in range(6)
        for kind in (SBOM, SIGNATURE)
    }
    target = f"/v2/{repository.name}/referrers/{image.digest}"
    found = [entry["digest"] for page in pages(paged.client, target) for entry in listed(page)]
    assert len(found) == 12
    assert set(found) == pushed
    filtered = list(pages(paged.client, f"{target}?artifactType={SBOM}"))
    assert [len(listed(page)) for page in filtered] == [4, 2]
    assert {page.header("oci-filters-applied") for page in filtered} == {"artifactType"}
    assert {entry["artifactType"] for page in filtered for entry in listed(page)} == {SBOM}
    following = next_page(filtered[0])
    assert following is not None
    assert following.startswith(target + "?")


# The fallback tag scheme: an index at the tag <algorithm>-<hex> that clients of older registries kept themselves.


def fallback_tag(digest: str) -> str:
    algorithm, _, hexadecimal = digest.partition(":")
    return f"{algorithm[:32]}-{hexadecimal[:64]}"


def list_at_tag(repository: Repository, digest: str, *entries: Json) -> None:
    repository.tag(fallback_tag(digest), manifest_of(index_document(list(entries))))


def test_fallback_is_united_with_the_rest(repository: Repository, image: Manifest) -> None:
    known = push(repository, repository.artifact(image.descriptor()), image.digest)
    unlinked = repository.artifact(None, SIGNATURE)
    assert repository.put(unlinked.digest, unlinked).status == 201
    list_at_tag(
        repository,
        image.digest,
        known.descriptor(artifactType=SBOM),
        unlinked.descriptor(artifactType=SIGNATURE, annotations={"from": "fallback"}),
    )
    found = {entry["digest"]: entry for entry in listed(repository.referrers(image.digest))}
    assert set(found) == {known.digest, unlinked.digest}
    assert found[unlinked.digest]["artifactType"] == SIGNATURE
    assert digests(repository.referrers(image.digest, f"?artifactType={SIGNATURE}")) == {unlinked.digest}
    assert digests(repository.referrers(image.digest, f"?artifactType={SBOM}")) == {known.digest}


def test_fallback_for_sha512(repository: Repository, image: Manifest) -> None:
    """The encoded part of the tag is cut after 64 characters."""
    long = digest_of(image.payload, "sha512")
    unlinked = repository.artifact(None, SIGNATURE)
    assert repository.put(unlinked.digest, unlinked).status == 201
    list_at_tag(repository, long, unlinked.descriptor(artifactType=SIGNATURE))
    assert digests(repository.referrers(long)) == {unlinked.digest}


def test_fallback_lists_only_what_is_there(repository: Repository, image: Manifest) -> None:
    gone = repository.artifact(None, SIGNATURE)
    assert repository.put(gone.digest, gone).status == 201
    list_at_tag(repository, image.digest, gone.descriptor(), descriptor(b"never pushed", OCI_INDEX))
    assert digests(repository.referrers(image.digest)) == {gone.digest}
    assert repository.client.delete(repository.manifest(gone.digest)).status == 202
    assert digests(repository.referrers(image.digest)) == set()


def test_fallback_does_not_move_referrers_of_others(repository: Repository, image: Manifest) -> None:
    """A manifest that names another subject is not this one's referrer, whatever an index says."""
    other = repository.tag("other", repository.image("other"))
    artifact = push(repository, repository.artifact(other.descriptor()), other.digest)
    list_at_tag(repository, image.digest, artifact.descriptor())
    assert digests(repository.referrers(image.digest)) == set()
    assert digests(repository.referrers(other.digest)) == {artifact.digest}


def test_fallback_cannot_lie_about_types(repository: Repository, image: Manifest) -> None:
    known = push(repository, repository.artifact(image.descriptor()), image.digest)
    list_at_tag(repository, image.digest, known.descriptor(artifactType="lie/lie", annotations={"a": "lie"}))
    assert listed(repository.referrers(image.digest)) == [known.descriptor(artifactType=SBOM)]
    assert digests(repository.referrers(image.digest, "?artifactType=lie/lie")) == set()


def test_a_tag_that_only_looks_like_a_fallback(repository: Repository, image: Manifest) -> None:
    """Signatures of other schemes put an image there; that is no list."""
    repository.tag(fallback_tag(image.digest), repository.image("not an index"))
    assert digests(repository.referrers(image.digest)) == set()


def test_fallback_pages(paged: Server) -> None:
    repository = new_repository(paged.client)
    image = repository.tag("latest", repository.image())
    artifacts = [
        repository.artifact(image.descriptor() if n % 2 else None, annotations={"n": str(n)}) for n in range(9)
    ]
    for artifact in artifacts:
        assert repository.put(artifact.digest, artifact).status == 201
    list_at_tag(repository, image.digest, *(artifact.descriptor() for artifact in artifacts))
    target = f"/v2/{repository.name}/referrers/{image.digest}"
    found = [entry["digest"] for page in pages(paged.client, target) for entry in listed(page)]
    assert sorted(found) == sorted(artifact.digest for artifact in artifacts)


def test_layers_do_not_matter(repository: Repository, image: Manifest) -> None:
    layer = b"layer"
    repository.push(layer)
    document = json.loads(repository.artifact(image.descriptor()).payload)
    document["layers"] = [descriptor(layer, OCI_LAYER)] * 3
    push(repository, manifest_of(document), image.digest)
    assert listed(repository.referrers(image.digest))[0]["artifactType"] == SBOM
