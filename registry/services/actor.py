"""On whose behalf a use-case runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from registry.services.body import Disconnected

ANONYMOUS = "anonymous"


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Actor:
    """`principal` owns what it starts; `client` is the peer's address, for bounds; `request_id` ends up in events.

    `gone` says whether the client is known to have closed its connection. May be called in any thread.
    """

    principal: str
    client: str
    request_id: str
    gone: Callable[[], bool] = _never

    @property
    def holder(self) -> str:
        """Whose uploads are counted together: the principal's, or the client's as long as that is anonymous."""
        return self.client if self.principal == ANONYMOUS else f"principal {self.principal}"

    def check_here(self) -> None:
        """Raises Disconnected when the client is gone.

        A request that has waited calls it once it owns what it will change: a client that has lost its connection may
        have sent the request again, and been answered, while this one was waiting.
        """
        if self.gone():
            raise Disconnected


SYSTEM = Actor("system", "", "")
"""Jobs."""
