"""Whether a table of nftables is there (NFT_MSG_GETTABLE): `nft` need not be started to learn it."""

from typing import Final

from runtime.network.netlink.channel import NETFILTER, Channel
from runtime.network.netlink.message import text

_GET_TABLE: Final = 10 << 8 | 1
_TABLE_NAME: Final = 1
_INET: Final = 2


def exists(name: str) -> bool:
    """Whether this namespace has a table of the family ip with that name."""
    with Channel(family=NETFILTER) as channel:
        return channel.get(_GET_TABLE, bytes((_INET, 0, 0, 0)) + text(_TABLE_NAME, name), f"table {name}") is not None
