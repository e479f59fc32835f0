"""Reading objects: one GET, gone on with when it breaks off."""

from __future__ import annotations

from io import RawIOBase
from typing import cast

import pytest

from storage.errors import Explained
from tests.s3.calls import RESET, TRUNCATE
from tests.s3.proxy import FaultProxy, at
from tests.storage.s3.conftest import Store
from tests.storage.s3.test_writer import noise

DATA = noise(3_000_000)


def test_the_way_of_a_blob_out_is_one_request(store: Store) -> None:
    driver = store.driver()
    driver.put("a", DATA)
    before = driver.requests["GetObject"]
    with driver.open("a", 1000, 2_000_000) as reader:
        assert reader.seek(0, 2) == len(DATA)
        reader.seek(1000)
        found = bytearray()
        while len(found) < 2_000_000 and (data := reader.read(100_000)):
            found += data
    assert bytes(found) == DATA[1000:2_001_000]
    assert driver.requests["GetObject"] == before + 1
    assert "HeadObject" not in driver.requests


def test_seeking_elsewhere_is_another_request(store: Store) -> None:
    driver = store.driver()
    driver.put("a", DATA)
    with driver.open("a") as reader:
        assert reader.read(10) == DATA[:10]
        reader.seek(-5, 2)
        assert reader.tell() == len(DATA) - 5
        assert reader.read(10) == DATA[-5:]
        assert reader.read(10) == b""
        reader.seek(20)
        buffer = bytearray(7)
        assert reader.readinto(buffer) == 7  # type: ignore[attr-defined]
        assert buffer == DATA[20:27]
        with pytest.raises(ValueError):
            reader.seek(-1)
    assert driver.requests["GetObject"] == 3


@pytest.mark.parametrize("times", [1, 3])
def test_a_body_that_breaks_off_is_gone_on_with(checking: Store, proxy: FaultProxy, times: int) -> None:
    driver = checking.driver()
    driver.put("a", DATA)
    with proxy.planned(at("GetObject", TRUNCATE, times=times)), driver.open("a") as reader:
        found = b"".join(iter(lambda: reader.read(64 * 1024), b""))
    assert found == DATA
    assert proxy.calls["GetObject"] == times + 1


def test_a_body_that_always_breaks_off_is_given_up(checking: Store, proxy: FaultProxy) -> None:
    driver = checking.driver(attempts=2)
    driver.put("a", DATA)
    with driver.open("a") as reader, proxy.planned(at("GetObject", RESET, times=1000)):
        reader.seek(10)
        with pytest.raises(Explained):
            reader.read(10)


def test_it_is_gone_on_with_in_the_same_object_or_not_at_all(knowing: Store) -> None:
    with FaultProxy(knowing.server.endpoint) as proxy:
        driver = knowing.driver(endpoint=proxy.endpoint)
        driver.put("a", DATA)
        with proxy.planned(at("GetObject", TRUNCATE)), driver.open("a") as reader:
            reader.read(100)
            knowing.driver().put("a", bytes(len(DATA)))
            with pytest.raises(Explained):
                cast(RawIOBase, reader).readall()


def test_what_is_left_of_a_body_is_not_fetched(checking: Store) -> None:
    driver = checking.driver(connections=1)
    driver.put("a", DATA * 10)
    for _ in range(20):
        with driver.open("a") as reader:
            assert reader.read(10) == DATA[:10]
    assert driver.read("a", 10) == DATA[:10]
