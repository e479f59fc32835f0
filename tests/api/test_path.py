"""Paths: which route, of which repository, and what is no path of ours."""

from __future__ import annotations

import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.api.path import LONGEST, Path
from registry.api.routes import BY_NAME, PATHS
from registry.auth.access import Scope
from registry.oci.errors import DigestInvalid, NameInvalid, NotFound, RegistryFault, TagInvalid
from registry.oci.reference import valid_name, valid_tag

HEX = "0" * 64
DIGEST = f"sha256:{HEX}"
LONG = f"sha512:{'0' * 128}"
COMPONENT = st.from_regex(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*", fullmatch=True).filter(lambda text: len(text) < 40)
NAMES = st.lists(COMPONENT, min_size=1, max_size=5).map("/".join)
TAGS = st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", fullmatch=True)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/v2", Path("base")),
        ("/v2/", Path("base")),
        ("/v2/_catalog", Path("catalog")),
        ("/v2/app/tags/list", Path("tags", "app")),
        ("/v2/a/b/c/tags/list", Path("tags", "a/b/c")),
        ("/v2/app/manifests/latest", Path("manifest", "app", "latest")),
        (f"/v2/app/manifests/{DIGEST}", Path("manifest", "app", DIGEST)),
        (f"/v2/app/manifests/{LONG}", Path("manifest", "app", LONG)),
        (f"/v2/app/blobs/{DIGEST}", Path("blob", "app", DIGEST)),
        (f"/v2/app/referrers/{DIGEST}", Path("referrers", "app", DIGEST)),
        ("/v2/app/blobs/uploads/", Path("uploads", "app")),
        ("/v2/app/blobs/uploads", Path("uploads", "app")),
        ("/v2/app/blobs/uploads/some-id", Path("upload", "app", "some-id")),
        # Names made of the words of the API itself.
        ("/v2/tags/tags/list", Path("tags", "tags")),
        ("/v2/tags/list/tags/list", Path("tags", "tags/list")),
        ("/v2/manifests/manifests/manifests", Path("manifest", "manifests", "manifests")),
        (f"/v2/blobs/blobs/{DIGEST}", Path("blob", "blobs", DIGEST)),
        ("/v2/blobs/uploads/blobs/uploads/", Path("uploads", "blobs/uploads")),
        ("/v2/blobs/uploads/blobs/uploads/x", Path("upload", "blobs/uploads", "x")),
        ("/v2/a/blobs/uploads/manifests/v1", Path("manifest", "a/blobs/uploads", "v1")),
        # Percent-encoded.
        ("/v2/a%2Fb/tags/list", Path("tags", "a/b")),
        (f"/v2/app/manifests/sha256%3A{HEX}", Path("manifest", "app", DIGEST)),
    ],
)
def test_paths(path: str, target: Path) -> None:
    assert PATHS.parse(path.encode()) == target


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("", NotFound),
        ("/v1/", NotFound),
        ("/v2/app", NotFound),
        ("/v2/_catalog/", NotFound),
        ("/v2/app/tags", NotFound),
        ("/v2/app/tags/lists", NotFound),
        ("/v2/app/uploads/x", NotFound),
        ("/v2/app/blobs/uploads/x/y", NotFound),
        ("/v2//tags/list", NameInvalid),
        ("/v2/UPPER/tags/list", NameInvalid),
        ("/v2/a//b/tags/list", NameInvalid),
        ("/v2/a/../b/tags/list", NameInvalid),
        ("/v2/%2e%2e/tags/list", NameInvalid),
        ("/v2/_catalog/tags/list", NameInvalid),
        (f"/v2/{'a' * 256}/tags/list", NameInvalid),
        ("/other/v2/app/tags/list", NameInvalid),
        ("/v2/app/manifests/", TagInvalid),
        ("/v2/app/manifests/-x", TagInvalid),
        (f"/v2/app/manifests/{'x' * 129}", TagInvalid),
        ("/v2/app/manifests/a%0A", TagInvalid),
        ("/v2/app/manifests/sha256:short", DigestInvalid),
        (f"/v2/app/manifests/md5:{HEX}", DigestInvalid),
        ("/v2/app/blobs/latest", DigestInvalid),
        (f"/v2/app/blobs/sha256:{HEX.replace('0', 'A')}", DigestInvalid),
        (f"/v2/app/blobs/{DIGEST}%00", DigestInvalid),
        ("/v2/app/referrers/latest", DigestInvalid),
        ("/v2/" + "a/" * LONGEST, NotFound),
    ],
)
def test_what_is_refused(path: str, error: type[RegistryFault]) -> None:
    with pytest.raises(error) as caught:
        PATHS.parse(path.encode("latin-1"))
    assert len(caught.value.message) < 600


@given(NAMES, TAGS)
def test_every_name_and_tag_of_the_grammar(name: str, tag: str) -> None:
    expected = Path("manifest", name, tag)
    assert PATHS.parse(f"/v2/{name}/manifests/{tag}".encode()) == expected
    assert PATHS.parse(f"/v2/{urllib.parse.quote(name, safe='')}/manifests/{tag}".encode()) == expected
    assert PATHS.parse(f"/v2/{name}/blobs/{DIGEST}".encode()) == Path("blob", name, DIGEST)
    assert PATHS.parse(f"/v2/{name}/blobs/uploads/".encode()) == Path("uploads", name)


@given(
    st.binary(max_size=300) | st.text(alphabet="/v2abUP._-%:01", max_size=100).map(lambda text: f"/v2/{text}".encode())
)
def test_whatever_comes_is_a_target_or_a_refusal(raw: bytes) -> None:
    try:
        target = PATHS.parse(raw)
    except RegistryFault:
        return
    assert BY_NAME[target.route].scope is not Scope.REPOSITORY or valid_name(target.name)
    if target.route == "manifest":
        assert valid_tag(target.reference) or target.reference.startswith(("sha256:", "sha512:"))
