"""Which capabilities a container gets."""

import pytest

from runtime.bundle.capabilities import ALL, DEFAULT, granted
from runtime.bundle.errors import ValueInvalid

WITHOUT_BPF = 2 ** ALL.index("CAP_BPF") - 1


def test_dockers_default_is_the_kernels_mask() -> None:
    assert sum(1 << ALL.index(name) for name in DEFAULT) == 0xA80425FB


def test_adding_and_dropping() -> None:
    assert granted([], [], False) == list(DEFAULT)
    assert granted(["net_admin"], ["cap_mknod"], False) == [*(n for n in DEFAULT if n != "CAP_MKNOD"), "CAP_NET_ADMIN"]
    assert granted([], ["all"], False) == []
    assert granted(["chown", "CHOWN"], ["ALL"], False) == ["CAP_CHOWN"]
    assert granted(["ALL"], ["kill"], False) == [name for name in ALL if name != "CAP_KILL"]
    assert granted([], ["ALL"], True) == list(ALL)


def test_what_cannot_be_given() -> None:
    assert "CAP_BPF" not in granted(["ALL"], [], False, WITHOUT_BPF)
    assert granted([], [], True, 1) == ["CAP_CHOWN"]
    with pytest.raises(ValueInvalid, match="CAP_BPF cannot be given"):
        granted(["BPF"], [], False, WITHOUT_BPF)
    with pytest.raises(ValueInvalid, match="unknown capability"):
        granted(["NOPE"], [], False)
