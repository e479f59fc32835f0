"""Faults: every one has words of its own, and what is given to it is kept."""

import inspect

import pytest

from registry.oci import errors
from registry.oci.errors import RegistryFault

FAULTS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, RegistryFault) and kind is not RegistryFault
]


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_says_something_by_itself(kind: type[RegistryFault]) -> None:
    fault = kind()
    assert fault.message == str(fault) == kind.summary
    assert fault.message != RegistryFault.summary
    assert not fault.message.endswith(".")
    assert fault.detail is None
    assert fault.headers == {}


def test_the_summaries_differ() -> None:
    assert len({kind.summary for kind in FAULTS}) == len(FAULTS) == 26


def test_a_fault_keeps_what_it_was_given() -> None:
    headers = {"Range": "0-9"}
    fault = errors.RangeInvalid("chunk begins at 5", {"offset": 10}, headers)
    headers["Range"] = "changed"
    assert (fault.message, fault.detail, fault.headers) == ("chunk begins at 5", {"offset": 10}, {"Range": "0-9"})
