"""An upload that is cut in the middle goes on where it stopped, also after the server was restarted or killed."""

import random
import signal

import pytest

from tests.e2e.server import Registry
from tests.e2e.upload import Upload

pytestmark = pytest.mark.e2e

DATA = random.Random(3).randbytes(9_000_000)
CUT = 5_123_457


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_cut_and_resumed(registry: Registry, chunked: bool, reset: bool) -> None:
    upload = Upload(registry, f"resume/cut-{chunked}-{reset}".lower(), DATA)
    upload.cut_off(0, CUT, chunked=chunked, reset=reset)
    assert upload.offset() <= CUT
    upload.resume()
    upload.close()


def test_cut_again_and_again(registry: Registry) -> None:
    upload = Upload(registry, "resume/again", DATA)
    before = 0
    for cut in range(1_000_000, len(DATA), 1_700_001):
        upload.cut_off(before, cut)
        now = upload.offset()
        assert before <= now <= cut
        before = now
    upload.resume()
    upload.close()


def test_what_was_acknowledged_is_kept(registry: Registry) -> None:
    upload = Upload(registry, "resume/kept", DATA)
    assert upload.patch(0, CUT).status == 202
    refused = upload.patch(CUT + 10, CUT + 20)
    assert refused.status == 416
    assert refused.headers["range"] == f"0-{CUT - 1}"
    assert upload.offset() == CUT
    upload.cut_off(CUT, CUT + 1_000_000)
    assert CUT <= upload.offset() <= CUT + 1_000_000
    upload.resume()
    upload.close()


def test_resumed_after_a_restart(own_registry: Registry) -> None:
    upload = Upload(own_registry, "resume/restart", DATA)
    assert upload.patch(0, CUT).status == 202
    own_registry.stop()
    own_registry.start()
    assert upload.offset() == CUT
    upload.cut_off(CUT, CUT + 1_000_000)
    own_registry.stop()
    own_registry.start()
    assert CUT <= upload.offset() <= CUT + 1_000_000
    upload.resume()
    own_registry.stop()
    own_registry.start()
    upload.close()


def test_resumed_after_a_kill(own_registry: Registry) -> None:
    upload = Upload(own_registry, "resume/kill", DATA)
    assert upload.patch(0, CUT).status == 202
    assert own_registry.stop(signal.SIGKILL) == -signal.SIGKILL
    own_registry.start()
    # A crash may lose a session; one that is still there tells the truth about its offset.
    if own_registry.request("GET", upload.location).status == 404:
        upload = Upload(own_registry, "resume/kill", DATA)
    assert upload.offset() <= CUT
    upload.resume()
    upload.close()
