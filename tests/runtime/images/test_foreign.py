"""Layers that live elsewhere: pulled from their URLs, not pushed."""

import io
import json

from registry.client.client import Client
from tests.runtime.images.conftest import Registry
from tests.runtime.images.hosts import Host

FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"


def test_a_foreign_layer_is_pulled_from_its_url_and_not_pushed(registry: Registry, host: Host) -> None:
    plain = registry.layout.json_of(registry.layout.digest_of("plain"))
    config = registry.layout.bytes_of(plain["config"]["digest"])
    urls = ["http://127.0.0.1:1/gone", f"http://{registry.host}/v2/team/plain/blobs/{plain['layers'][0]['digest']}"]
    first = {**plain["layers"][0], "mediaType": FOREIGN, "urls": urls}
    payload = json.dumps({**plain, "layers": [first, *plain["layers"][1:]]}).encode()
    client = Client(registry.host)
    client.push_blob("foreign/app", plain["config"]["digest"], len(config), lambda offset: io.BytesIO(config[offset:]))
    for layer in plain["layers"][1:]:
        assert client.mount("foreign/app", layer["digest"], "team/plain")
    client.push_manifest("foreign/app", "1", payload, plain["mediaType"])
    host.run("pull", "-q", f"{registry.host}/foreign/app:1")
    assert first["digest"] in host.content()
    host.run("tag", f"{registry.host}/foreign/app:1", f"{registry.host}/foreign/again:1")
    lines = host.run("push", f"{registry.host}/foreign/again:1").splitlines()
    assert f"{first['digest'][7:19]}: Skipped foreign layer" in lines
    assert client.has_blob("foreign/again", first["digest"]) is None
    assert client.manifest("foreign/again", "1").payload == payload
    client.close()
