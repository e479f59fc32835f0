"""Users and groups of an image, by name and by number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.bundle.errors import UserUnknown
from runtime.bundle.user import LARGEST, User, resolve

PASSWD = b"""root:x:0:0:root:/root:/bin/sh
# a comment
broken:x:zero:0::/:
app:x:1000:1001::/home/app:/bin/sh
4294967296:x:7:7::/evil:
5000:x:8:8::/evil:
+nis:::::
short:x:9:9
"""
GROUP = b"root:x:0:\nwheel:x:10:root,app\napp:x:1001:\n6000:x:9:\nbad:x:x:app\naudio:x:29:app\n"


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("", User(uid=0, gid=0, groups=(0, 10), home="/root")),
        ("root", User(uid=0, gid=0, groups=(0, 10), home="/root")),
        ("app", User(uid=1000, gid=1001, groups=(1001, 10, 29), home="/home/app")),
        ("1000", User(uid=1000, gid=1001, groups=(1001, 10, 29), home="/home/app")),
        ("app:wheel", User(uid=1000, gid=10, groups=(10,), home="/home/app")),
        ("app:77", User(uid=1000, gid=77, groups=(77,), home="/home/app")),
        ("3000", User(uid=3000, gid=0, groups=(0,), home="/")),
        ("4294967294:4294967294", User(uid=4294967294, gid=4294967294, groups=(4294967294,), home="/")),
        # A number is never a name, though the image has users and groups that look like one.
        ("5000", User(uid=5000, gid=0, groups=(0,), home="/")),
        ("0:6000", User(uid=0, gid=6000, groups=(6000,), home="/root")),
    ],
)
def test_users(text: str, user: User) -> None:
    assert resolve(text, PASSWD, GROUP) == user


@pytest.mark.parametrize(
    "text",
    ["4294967295", "4294967296", "99999999999999999999", "-1", "+1", "0:4294967296", "0:-5", "00000000000"],
)
def test_numbers_that_are_no_ids(text: str) -> None:
    with pytest.raises(UserUnknown, match="out of range"):
        resolve(text, PASSWD, GROUP)


@pytest.mark.parametrize("text", ["nobody", "broken", "short", "+nis", "app:nobody", "app:bad", "0x0", "\u0661", " 0"])
def test_names_that_are_not_there(text: str) -> None:
    with pytest.raises(UserUnknown, match="no matching entries"):
        resolve(text, PASSWD, GROUP)


def test_groups_that_are_added() -> None:
    assert resolve("app:app", PASSWD, GROUP, ["audio", "5", "audio"]).groups == (1001, 29, 5)
    with pytest.raises(UserUnknown, match="unable to find group nope"):
        resolve("app", PASSWD, GROUP, ["nope"])


def test_an_image_without_the_files() -> None:
    assert resolve("") == User(uid=0, gid=0, groups=(0,), home="/")
    with pytest.raises(UserUnknown):
        resolve("app")


def test_files_that_are_too_large() -> None:
    for passwd, group in ((b"x" * (LARGEST + 1), b""), (b"", b":" * (LARGEST + 1))):
        with pytest.raises(UserUnknown, match="larger than"):
            resolve("app", passwd or PASSWD, group)


def test_more_groups_than_the_kernel_wants() -> None:
    many = b"".join(b"g%d:x:%d:app\n" % (number, number) for number in range(2000))
    with pytest.raises(UserUnknown, match="more than"):
        resolve("app", PASSWD, many)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_files_are_read(passwd: bytes, group: bytes) -> None:
    assert resolve("12", passwd, group).uid == 12
