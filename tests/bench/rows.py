"""The rows of the bench: what work each is, and what ours must reach against the reference registry."""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of work. `data` names the data it reads; a row that writes gets a server of its own each round."""

    name: str
    title: str
    work: str
    clients: int
    data: str = ""
    throughput: float | None = None  # ours / peer, at least
    cpu: float | None = None  # ours / peer per unit of work, at most
    big: bool = False  # counted by bytes
    pool: int = 0  # connections that the clients share, any request on any of them; 0: one for each
    p99_ms: float | None = None  # of ours, at most

    @property
    def writes(self) -> bool:
        """Whether the work fills the disk."""
        return not self.data


ROWS = (
    Row("manifest-tag", "manifest by tag, GET", "get", 16, "manifest-tag", 4, 0.25),
    Row("manifest-digest", "manifest by digest, GET", "get", 16, "manifest-digest", 4, 0.25),
    Row("manifest-head", "manifest by tag, HEAD", "head", 16, "manifest-tag", 4, 0.25),
    Row("blob-head", "blob, HEAD", "head", 16, "blob", 4, 0.25),
    Row("blob-4k", "blob of 4 KiB, GET", "get", 16, "blob", 6),
    Row("image-pull", "small image pull: manifest, config, layer", "get", 16, "image", 6),
    Row("image-push", "small image push: HEAD, POST, PATCH, PUT twice, manifest by tag", "push", 16, "", 6),
    Row(
        "image-push-pooled",
        "small image push, any request on any of 32 connections",
        "push",
        16,
        "",
        6,
        pool=32,
        p99_ms=80,
    ),
    Row("blob-pull", "64 MiB blob pull", "get", 4, "big", 1.2, 0.5, big=True),
    Row("blob-push-put", "64 MiB blob push, POST+PUT", "big-put", 4, "", 2, 0.5, big=True),
    Row("blob-push-patch", "64 MiB blob push, POST+PATCH+PUT", "big-patch", 4, "", 2, 0.5, big=True),
    Row(
        "blob-push-chunked",
        "64 MiB blob push, POST+PATCH+PUT, chunked as docker sends it",
        "big-chunked",
        4,
        "",
        2,
        0.5,
        big=True,
    ),
    Row("tags-page", "tags/list, a page of 1,000", "get", 16, "tags", 10),
    Row("catalog-page", "catalog, a page of 100", "get", 16, "catalog", 10),
)

MEMORY_LIMIT = 150 * 10**6
FLAT_LIMIT = 1.3


class UnknownRow(Exception):
    """A row was asked for that is not there; the text lists those that are."""


def chosen(names: str) -> list[Row]:
    """The rows named, comma separated, or all of them; an unknown name is an error that lists the known."""
    if not names:
        return list(ROWS)
    known = {row.name: row for row in ROWS}
    wanted = names.split(",")
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise UnknownRow(f"no row named {', '.join(unknown)}: known are {', '.join(known)}")
    return [known[name] for name in wanted]
