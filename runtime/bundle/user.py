"""`user[:group]` in the terms of an image's /etc/passwd and /etc/group, which the caller reads and hands over as bytes.

What is written as a number is a number and must be one of 32 bits; it is never looked up as a name (CVE-2026-46680).
Lines that are no entries are passed over: one with a broken number must not become root.
"""

from __future__ import annotations

from runtime.bundle.errors import UserUnknown

TYPE_CHECKING = False  # `exec --user` waits for what is loaded here
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

LARGEST = 4 * 2**20
"""Bytes of a passwd or group file."""
MOST_GROUPS = 1024
MAX_ID = 2**32 - 2
"""The kernel keeps the one above for "no change"."""
_DIGITS = frozenset("0123456789")


class User:
    """Who the process is; groups are the supplementary ones, the main one first."""

    __slots__ = ("gid", "groups", "home", "uid")

    def __init__(self, *, uid: int = 0, gid: int = 0, groups: tuple[int, ...] = (), home: str = "/") -> None:
        self.uid = uid
        self.gid = gid
        self.groups = groups
        self.home = home

    def __eq__(self, other: object) -> bool:
        return isinstance(other, User) and self._all() == other._all()

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return f"User{self._all()}"

    def _all(self) -> tuple[object, ...]:
        return self.uid, self.gid, self.groups, self.home


class _Account:
    def __init__(self, name: str, uid: int, gid: int, home: str) -> None:
        self.name = name
        self.uid = uid
        self.gid = gid
        self.home = home


class _Group:
    def __init__(self, name: str, gid: int, members: tuple[str, ...]) -> None:
        self.name = name
        self.gid = gid
        self.members = members


def _number(text: str) -> bool:
    return 1 <= len(text) <= 10 and _DIGITS.issuperset(text)


def _like_a_number(text: str) -> bool:
    digits = text[1:] if text[:1] in ("+", "-") else text
    return bool(digits) and _DIGITS.issuperset(digits)


def resolve(text: str, passwd: bytes = b"", group: bytes = b"", add: Sequence[str] = ()) -> User:
    """Who `text` is, with the groups of `--group-add`. Raises UserUnknown.

    An empty text is user 0. Groups of /etc/group that list the user count unless a group was named.
    """
    user, _, main = text.partition(":")
    groups = list(_groups(group)) if (main or add or b":" in group) else []
    account = _find_account(user or "0", _accounts(passwd))
    supplementary: list[int] = []
    gid = account.gid
    if main:
        gid = _find_group(main, groups)
    elif account.name:
        supplementary = [each.gid for each in groups if account.name in each.members]
    supplementary += [_find_group(name, groups) for name in add]
    # dict.fromkeys: each once, in the order found.
    every = tuple(dict.fromkeys([gid, *supplementary]))
    if len(every) > MOST_GROUPS:
        raise UserUnknown(f"user {text!r} is in more than {MOST_GROUPS} groups")
    return User(uid=account.uid, gid=gid, groups=every, home=account.home or "/")


def read_id(text: str, what: str) -> int | None:
    """The number that `text` is, None for a name. Raises UserUnknown for a number that is no id."""
    if not _like_a_number(text):
        return None
    number = int(text) if _number(text) else -1
    if not 0 <= number <= MAX_ID:
        raise UserUnknown(f"{what} {text!r} is out of range: use a number from 0 to {MAX_ID}")
    return number


def _find_account(user: str, accounts: Iterable[_Account]) -> _Account:
    uid = read_id(user, "user")
    for account in accounts:
        if account.uid == uid if uid is not None else account.name == user:
            return account
    if uid is None:
        raise UserUnknown(f"unable to find user {user}: no matching entries in passwd file")
    return _Account("", uid, 0, "/")


def _find_group(group: str, groups: Iterable[_Group]) -> int:
    gid = read_id(group, "group")
    if gid is not None:
        return gid
    for each in groups:
        if each.name == group:
            return each.gid
    raise UserUnknown(f"unable to find group {group}: no matching entries in group file")


def _accounts(passwd: bytes) -> Iterator[_Account]:
    for fields in _lines(passwd, "/etc/passwd", 6):
        uid, gid = _entry_id(fields[2]), _entry_id(fields[3])
        if uid is not None and gid is not None:
            yield _Account(fields[0], uid, gid, fields[5])


def _groups(group: bytes) -> Iterator[_Group]:
    for fields in _lines(group, "/etc/group", 3):
        gid = _entry_id(fields[2])
        if gid is not None:
            members = fields[3].split(",") if len(fields) > 3 and fields[3] else ()
            yield _Group(fields[0], gid, tuple(members))


def _lines(content: bytes, name: str, least: int) -> Iterator[list[str]]:
    if len(content) > LARGEST:
        raise UserUnknown(f"{name} of the image is larger than {LARGEST} bytes")
    for line in content.decode("utf-8", "surrogateescape").split("\n"):
        fields = line.strip().split(":")
        if len(fields) >= least and fields[0] and fields[0][0] not in "#+-":
            yield fields


def _entry_id(text: str) -> int | None:
    return int(text) if _number(text) and int(text) <= MAX_ID else None
