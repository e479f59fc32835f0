"""The table of wire codes is whole, and so is the translation of what storage and database say."""

from __future__ import annotations

import inspect
import json
from types import ModuleType

import pytest

from registry.api.errors import FAULTS, error_body, render, translate
from registry.metadata import errors as database
from registry.oci import errors as fault
from registry.oci.errors import RegistryFault
from storage import errors as stored

SPEC = {
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "UNAUTHORIZED",
    "DENIED",
    "UNSUPPORTED",
    "TOOMANYREQUESTS",
}
"""Distribution spec, "Error codes"."""

EXTRA = {"TAG_INVALID", "RANGE_INVALID", "PAGINATION_NUMBER_INVALID", "PRECONDITION_FAILED", "UNAVAILABLE"}
"""Docker's, and ours where neither has one."""


def classes(module: ModuleType, base: type[Exception]) -> list[type[Exception]]:
    """The classes of errors that the module defines."""
    found = [value for _, value in inspect.getmembers(module, inspect.isclass) if value.__module__ == module.__name__]
    return [value for value in found if issubclass(value, base)]


def made(kind: type[Exception]) -> Exception:
    """One of that kind, whatever it wants to be told."""
    wanted = [
        name
        for name, parameter in inspect.signature(kind.__init__).parameters.items()
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ][1:]
    return kind(*(7 if name == "offset" else "something" for name in wanted))


def test_every_fault_is_in_the_table() -> None:
    assert set(FAULTS) == {kind for kind in classes(fault, RegistryFault) if kind is not RegistryFault}


def test_codes_are_known() -> None:
    codes = {code for code, _ in FAULTS.values()}
    assert codes <= SPEC | EXTRA
    assert codes >= EXTRA


def test_statuses_are_refusals() -> None:
    for kind, (code, status) in FAULTS.items():
        assert 400 <= status < 500 or (status == 503 and code == "UNAVAILABLE"), kind


@pytest.mark.parametrize("kind", classes(stored, stored.StorageError))
def test_every_storage_error_is_translated(kind: type[Exception]) -> None:
    refusal = translate(made(kind))
    assert refusal is not None
    code, status = FAULTS[type(refusal)]
    assert (code, status) == (("DIGEST_INVALID", 400) if kind is stored.InvalidDigest else ("UNAVAILABLE", 503))


@pytest.mark.parametrize("kind", classes(database, database.DatabaseError))
def test_every_database_error_is_translated(kind: type[Exception]) -> None:
    if kind is database.DatabaseError:
        assert kind.__subclasses__(), "the base is not raised itself"
        return
    refusal = translate(made(kind))
    assert refusal is not None
    assert FAULTS[type(refusal)] == ("UNAVAILABLE", 503)


@pytest.mark.parametrize("error", [stored.NoSpace("x"), database.DatabaseFull("x"), database.DatabaseUnavailable("x")])
def test_what_may_pass_says_when_to_come_back(error: Exception) -> None:
    refusal = translate(error)
    assert refusal is not None
    assert int(refusal.headers["retry-after"]) > 0


def test_full_and_read_only_are_told_apart() -> None:
    assert isinstance(translate(stored.NoSpace("x")), fault.StorageFull)
    assert isinstance(translate(database.DatabaseFull("x")), fault.StorageFull)
    assert isinstance(translate(stored.ReadOnly("x")), fault.ReadOnlyStorage)
    assert isinstance(translate(database.DatabaseReadOnly("x")), fault.ReadOnlyStorage)


def test_a_refusal_stays_as_it_is() -> None:
    refusal = fault.Denied("no")
    assert translate(refusal) is refusal


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), OSError("x"), LookupError("x")])
def test_a_defect_is_no_refusal(error: Exception) -> None:
    assert translate(error) is None


@pytest.mark.parametrize("kind", FAULTS)
def test_each_is_rendered_in_the_form_of_the_spec(kind: type[RegistryFault]) -> None:
    answer = render(kind("a sentence", {"name": "x"}, {"x-header": "wert \N{SNOWMAN}"}))
    code, status = FAULTS[kind]
    assert answer.status == status
    assert isinstance(answer.body, bytes)
    error = {"code": code, "message": "a sentence", "detail": {"name": "x"}}
    assert json.loads(answer.body) == {"errors": [error]}
    assert dict(answer.headers) == {b"content-type": b"application/json", b"x-header": b"wert ?"}


def test_no_detail_is_left_out() -> None:
    assert json.loads(error_body("DENIED", "no")) == {"errors": [{"code": "DENIED", "message": "no"}]}
