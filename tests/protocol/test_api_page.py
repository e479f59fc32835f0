"""docs/api.md and the code's tables say the same, and no refusal is given that the page does not have."""

from __future__ import annotations

import re

import pytest

from registry.api.errors import FAULTS
from registry.api.routes import PATHS, ROUTES
from tests.protocol.client import Response
from tests.protocol.content import OCI_MANIFEST, OCTETS, Repository, noise, with_query
from tests.protocol.server import PROJECT
from tests.protocol.test_errors import provoked

PAGE = (PROJECT / "docs" / "api.md").read_text()
COMMON = {
    ("DENIED", 403),
    ("UNAUTHORIZED", 401),
    ("UNAVAILABLE", 503),
    ("UNSUPPORTED", 405),
    ("UNSUPPORTED", 400),
}
"""What the page says any route can answer; test_common holds the two together."""

Refusal = tuple[str, str, str, int]


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, its first two lines left out."""
    lines = PAGE.splitlines()
    start = lines.index(heading) + 2
    end = next(index for index in range(start, len(lines)) if not lines[index].startswith("|"))
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[start:end]]


def refusals_by_route() -> set[Refusal]:
    """(route, method, code, status) for every refusal of the page."""
    found: set[Refusal] = set()
    for name, methods, code, status in rows("| route | methods | code | status |"):
        found |= {(name, method, code, int(status)) for method in methods.split(", ")}
    for route in ROUTES:
        of_name = {("NAME_INVALID", 400)} if "<name>" in route.path else set()
        found |= {(route.name, method, *refusal) for method in route.methods for refusal in COMMON | of_name}
    return found


def test_routes() -> None:
    documented = {name: (path, methods) for name, path, methods in rows("| route | path | methods and actions |")}
    assert documented == {
        route.name: (
            route.path,
            ", ".join(f"{method}: {action.value}" for method, (action, _) in route.methods.items()),
        )
        for route in ROUTES
    }


def test_codes() -> None:
    documented = [(code, int(status)) for code, status, _ in rows("| code | status | when |")]
    assert documented == sorted(set(FAULTS.values()))


def test_common() -> None:
    paragraph = PAGE[PAGE.index("Any route can answer") : PAGE.index("The rest by route")]
    named = {(code, int(status)) for code, status in re.findall(r"`([A-Z_]+)` (\d+)", paragraph)}
    assert named == COMMON | {("NAME_INVALID", 400)}


def test_refusals_by_route_are_of_the_tables() -> None:
    for route, method, code, status in refusals_by_route():
        chosen = next(entry for entry in ROUTES if entry.name == route)
        assert method in chosen.methods
        assert (code, status) in FAULTS.values()


def test_every_code_is_at_some_route() -> None:
    assert {(code, status) for _, _, code, status in refusals_by_route()} == set(FAULTS.values())


def given(method: str, target: str, response: Response) -> Refusal | None:
    """The refusal that an answer is, None where it is none or belongs to no route."""
    if response.status < 400 or method == "HEAD":
        return None
    route = PATHS.parse(target.partition("?")[0].encode()).route
    chosen = next(entry for entry in ROUTES if entry.name == route)
    return (route, method, response.code, response.status) if method in chosen.methods else None


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "PATCH", "DELETE"])
def test_what_is_given_is_documented(repository: Repository, method: str) -> None:
    """Odd requests of many kinds; the fuzz tests bring more."""
    image = repository.tag("latest", repository.image())
    session = repository.start()
    targets = [target for _, target, _, _ in provoked(repository).values() if "UPPER" not in target]
    targets = [target for target in targets if "-tag" not in target and not target.endswith("sha256:00")]
    targets += [session, with_query(session, digest="x"), with_query(repository.uploads, digest="x", mount="y")]
    headers: list[dict[str, str]] = [
        {},
        OCTETS | {"Content-Range": "7-9"},
        {"Content-Type": OCI_MANIFEST},
        {"Range": "bytes=999999-", "If-Match": '"no"'},
        {"If-None-Match": "*"},
    ]
    documented = refusals_by_route()
    for target in targets:
        for chosen in headers:
            for body in (b"", b"abc", image.payload, noise(80_000)):
                response = repository.client.request(method, target, chosen, body)
                refusal = given(method, target, response)
                assert refusal is None or refusal in documented, response
