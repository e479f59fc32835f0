"""Instructions of --change."""

import pytest

from runtime.images.changes import apply
from runtime.images.errors import BadChange


def test_changes() -> None:
    before = {"Env": ["A=1", "B=2"], "Cmd": ["x"], "Labels": {"k": "v"}}
    changes = [
        'ENTRYPOINT ["run", "it"]',
        'CMD ["now"]',
        'ENV A=3 C="a b"',
        "env D old form",
        "LABEL k=w other='x y'",
        "EXPOSE 80 53/udp 90-91",
        "VOLUME /data /more",
        "WORKDIR /srv",
        "WORKDIR sub",
        "USER 1000:1000",
        "STOPSIGNAL SIGINT",
        "HEALTHCHECK --interval=1m30s --retries=3 CMD test -e /x",
    ]
    assert apply(before, changes) == {
        "Entrypoint": ["run", "it"],
        "Cmd": ["now"],
        "Env": ["B=2", "A=3", "C=a b", "D=old form"],
        "Labels": {"k": "w", "other": "x y"},
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}, "90/tcp": {}, "91/tcp": {}},
        "Volumes": {"/data": {}, "/more": {}},
        "WorkingDir": "/srv/sub",
        "User": "1000:1000",
        "StopSignal": "SIGINT",
        "Healthcheck": {"Test": ["CMD-SHELL", "test -e /x"], "Interval": 90 * 10**9, "Retries": 3},
    }
    assert before == {"Env": ["A=1", "B=2"], "Cmd": ["x"], "Labels": {"k": "v"}}
    assert apply(before, ["CMD run & wait"])["Cmd"] == ["/bin/sh", "-c", "run & wait"]
    assert "Cmd" not in apply(before, ["ENTRYPOINT x"])


@pytest.mark.parametrize(
    "change",
    [
        "FROM x",
        "CMD",
        "ENV =1",
        "ENV A",
        "LABEL 'a",
        "EXPOSE x",
        "EXPOSE 90-80",
        "EXPOSE 70000",
        "HEALTHCHECK x",
        "VOLUME 'a",
    ],
)
def test_what_cannot_be_is_refused(change: str) -> None:
    with pytest.raises(BadChange):
        apply({}, [change])
