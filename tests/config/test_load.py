"""Where values come from, in which order, and that each error names the key, the value and what is allowed."""

import os
import pickle
from collections.abc import Mapping
from pathlib import Path

import pytest

from registry.config import SETTINGS, Config, ConfigError, ConfigFileError, file_from, load, show


def refused(
    *, file: str | None = None, environ: Mapping[str, str] | None = None, flags: Mapping[str, str] | None = None
) -> str:
    """The text of the error, which is one line."""
    with pytest.raises(ConfigError) as caught:
        load(file, environ or {}, flags or {})
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def write(tmp_path: Path) -> "Writer":
    return Writer(tmp_path / "entrepot.toml")


class Writer:
    """Writes the file and returns its path."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, text: str) -> str:
        self.path.write_text(text)
        return str(self.path)


def test_flag_before_environment_before_file_before_default(write: Writer) -> None:
    file = write("[server]\nlisten = '127.0.0.1:1'\nworkers = 2\nbacklog = 3\n")
    environ = {"ENTREPOT_SERVER_LISTEN": "127.0.0.1:10", "ENTREPOT_SERVER_WORKERS": "20"}
    config, origins = load(file, environ, {"server.listen": "127.0.0.1:100"})
    assert (config.server.listen, origins["server.listen"]) == ("127.0.0.1:100", "command line")
    assert (config.server.workers, origins["server.workers"]) == (20, "environment ENTREPOT_SERVER_WORKERS")
    assert (config.server.backlog, origins["server.backlog"]) == (3, f"file {file}")
    assert (config.server.drain_timeout, origins["server.drain_timeout"]) == (30.0, "default")
    assert set(origins) == set(SETTINGS)


def test_folders_follow_from_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config, origins = load(None, {}, {"server.root": "data"})
    assert config.server.root == str(tmp_path / "data")
    assert config.storage.path == str(tmp_path / "data" / "storage")
    assert config.database.url == f"sqlite:///{tmp_path}/data/entrepot.db"
    assert origins["database.url"] == "default, from server.root"


def test_default_root_is_the_users_own() -> None:
    environ = {"HOME": "/home/somebody", "XDG_DATA_HOME": "/data"}
    expected = "/var/lib/entrepot" if os.geteuid() == 0 else "/data/entrepot"
    assert load(None, environ, {}).config.server.root == expected


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1"])
def test_everything_is_allowed_where_only_this_machine_can_connect(listen: str) -> None:
    assert load(None, {}, {"server.listen": listen}).config.access.anonymous == "full"


@pytest.mark.parametrize("listen", ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "registry.example.com:1"])
def test_beyond_this_machine_access_has_to_be_chosen(listen: str) -> None:
    text = refused(flags={"server.listen": listen})
    assert "access.anonymous" in text
    assert listen in text
    assert '"pull"' in text
    chosen = load(None, {}, {"server.listen": listen, "access.anonymous": "pull"})
    assert chosen.config.access.anonymous == "pull"


def test_unknown_key_in_a_file(write: Writer) -> None:
    text = refused(file=write("[server]\nlissten = 'x'\n"))
    assert "server.lissten" in text
    assert '"x"' in text
    assert "did you mean server.listen?" in text
    assert "server.workers" in text


def test_unknown_section(write: Writer) -> None:
    text = refused(file=write("[sever]\nlisten = 'x'\n"))
    assert "no such section; did you mean server? known: server, access, tls" in text


def test_value_without_its_section(write: Writer) -> None:
    assert "write [server]" in refused(file=write("server = 1\n"))


def test_unknown_variable() -> None:
    text = refused(environ={"ENTREPOT_SERVER_LISTENS": "x"})
    assert "did you mean ENTREPOT_SERVER_LISTEN?" in text


def test_unknown_flag_key() -> None:
    assert "did you mean server.workers?" in refused(flags={"server.worker": "1"})


def test_variables_of_the_companion_are_not_settings() -> None:
    environ = {"ENTREPOT_RUNTIME_ROOT": "/tmp", "ENTREPOT_RUNTIME_CONFIG": "x.toml"}
    assert load(None, environ, {}).config == load(None, {}, {}).config


def test_variables_of_a_kubernetes_service_are_not_settings() -> None:
    environ = {
        "ENTREPOT_SERVICE_HOST": "10.0.0.1",
        "ENTREPOT_SERVICE_PORT": "5000",
        "ENTREPOT_SERVICE_PORT_HTTP": "5000",
        "ENTREPOT_PORT": "tcp://10.0.0.1:5000",
        "ENTREPOT_PORT_5000_TCP": "tcp://10.0.0.1:5000",
        "ENTREPOT_PORT_5000_TCP_ADDR": "10.0.0.1",
        "ENTREPOT_METRICS_SERVICE_HOST": "10.0.0.2",
    }
    assert load(None, environ, {}).config == load(None, {}, {}).config


S3 = {"storage.driver": "s3", "s3.bucket": "blobs"}


@pytest.mark.parametrize(
    ("flags", "key", "said"),
    [
        ({"server.workers": "none"}, "server.workers", "a whole number from 0 to 256"),
        ({"limits.keep_alive": "long"}, "limits.keep_alive", "units ms, s, m, h, d"),
        ({"limits.manifest_size": "4mb"}, "limits.manifest_size", "KiB"),
        ({"log.level": "loud"}, "log.level", '"debug", "info", "warning", "error"'),
        ({"metrics.enabled": "yes"}, "metrics.enabled", "true or false"),
        ({"tls.certificate": "a.pem"}, "tls.key", "tls.certificate"),
        ({"tls.key": "a.pem"}, "tls.certificate", "tls.key"),
        ({"storage.driver": "swift"}, "storage.driver", '"filesystem", "s3", "memory"'),
        ({"storage.driver": "s3"}, "s3.bucket", "must be set"),
        ({"s3.bucket": "blobs"}, "s3.bucket", 'storage.driver = "s3"'),
        ({"s3.secret_key": "k"}, "s3.secret_key", 'storage.driver = "s3"'),
        (S3 | {"storage.path": "/x"}, "storage.path", "leave it out"),
        (S3 | {"s3.access_key": "a"}, "s3.secret_key", "go together"),
        (S3 | {"s3.secret_key": "b"}, "s3.access_key", "go together"),
        (S3 | {"s3.session_token": "t"}, "s3.access_key", "s3.session_token"),
        (S3 | {"s3.kms_key": "k"}, "s3.kms_key", "aws:kms"),
        (S3 | {"s3.encryption": "rot13"}, "s3.encryption", '"AES256", "aws:kms"'),
        (S3 | {"s3.part_size": "1MiB"}, "s3.part_size", "from 5MiB to 1GiB"),
        (S3 | {"s3.prefix": "a//b"}, "s3.prefix", "slashes between them"),
        (S3 | {"s3.prefix": "../up"}, "s3.prefix", "slashes between them"),
        (S3 | {"s3.redirect_except_networks": "10.0.0.1/8"}, "s3.redirect_except_networks", "no bits set"),
        ({"database.url": "mysql://db/entrepot"}, "database.url", "postgresql://"),
        ({"database.connections": "9"}, "database.connections", "SQLite"),
        ({"storage.driver": "memory", "storage.path": "/x"}, "storage.path", "memory"),
        ({"storage.driver": "memory", "server.workers": "2"}, "server.workers", "must be 1"),
        ({"database.url": "sqlite://"}, "database.url", "sqlite:///"),
        ({"database.url": "sqlite:///:memory:"}, "database.url", "sqlite:///"),
        ({"cors.allow_origins": "*", "cors.allow_credentials": "true"}, "cors.allow_credentials", "list the origins"),
        ({"cors.allow_credentials": "true"}, "cors.allow_credentials", "cors.allow_origins"),
        ({"log.access": "false", "log.access_file": "/x"}, "log.access_file", "log.access"),
    ],
)
def test_errors_name_key_and_what_is_allowed(flags: dict[str, str], key: str, said: str) -> None:
    text = refused(flags=flags)
    assert text.startswith(f"{key} = ")
    assert said in text


def test_a_wrong_type_in_a_file(write: Writer) -> None:
    text = refused(file=write('[server]\nworkers = "2"\n'))
    assert text == f'server.workers = "2" (file {write.path}): must be a whole number from 0 to 256'


def test_passwords_are_not_in_errors() -> None:
    text = refused(environ={"ENTREPOT_DATABASE_URL": "mysql://me:hush@host/db"})
    assert "hush" not in text
    assert "mysql://me:***@host/db" in text
    for variable in ("ENTREPOT_S3_SECRET_KEY", "ENTREPOT_S3_SESSION_TOKEN", "ENTREPOT_S3_SECRET_KEYS"):
        text = refused(environ={variable: "hush"})
        assert "hush" not in text
        assert '= "***"' in text


def test_secrets_are_not_shown() -> None:
    flags = S3 | {"s3.access_key": "me", "s3.secret_key": "hush", "s3.session_token": "hush"}
    flags["database.url"] = "postgresql://me:hush@host,other/db?sslpassword=hush&sslmode=require"
    shown = show(load(None, {}, flags))
    assert "hush" not in shown
    assert 'secret_key = "***"  # command line' in shown
    assert 'url = "postgresql://me:***@host,other/db?sslpassword=***&sslmode=require"' in shown
    assert 'secret_key = ""  # default' in show(load(None, {}, {}))


def test_postgresql_and_s3_are_taken() -> None:
    flags = S3 | {
        "s3.prefix": "/registry/blobs/",
        "s3.redirect_except_agents": "curl/, Wget/",
        "database.url": "postgresql://me@host/db",
        "database.connections": "3",
    }
    config = load(None, {}, flags).config
    assert config.s3.prefix == "registry/blobs"
    assert config.s3.redirect_except_agents == ("curl/", "Wget/")
    assert (config.database.url, config.database.connections) == ("postgresql://me@host/db", 3)
    assert config.storage.path == ""


def test_what_is_paid_for_by_the_byte_is_read_less_often() -> None:
    assert load(None, {}, {}).config.verify.again_after == 86400
    config, origins = load(None, {}, S3)
    assert config.verify.again_after == 30 * 86400
    assert origins["verify.again_after"] == "default with S3, whose reads may be paid for"
    assert load(None, {}, S3 | {"verify.again_after": "1d"}).config.verify.again_after == 86400


def test_long_values_are_cut() -> None:
    assert len(refused(flags={"server.workers": "9" * 100_000})) < 400


def test_files_that_cannot_be_read(tmp_path: Path, write: Writer) -> None:
    assert refused(file=str(tmp_path / "none.toml")).endswith("no such file or directory")
    assert "is a directory" in refused(file=str(tmp_path))
    assert "line 1" in refused(file=write("[server\n"))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert "is not TOML" in refused(file=str(tmp_path / "binary"))
    with pytest.raises(ConfigFileError):
        load(write("=" * 100), {}, {})


def test_what_is_shown_can_be_loaded_again(write: Writer) -> None:
    flags = {
        "server.trusted_proxies": "10.0.0.0/8,::1",
        "cors.allow_origins": "https://a.example",
        "limits.manifest_size": "3000000",
        "limits.header_timeout": "1500ms",
        "log.access_file": '/tmp/with "quotes" and ünïcode',
    }
    shown = load(None, {}, flags)
    file = write(show(shown))
    again = load(file, {}, {})
    assert again.config == shown.config
    assert set(again.origins.values()) == {f"file {file}"}


def test_a_config_can_be_sent_to_a_worker() -> None:
    config = load(None, {}, {}).config
    assert pickle.loads(pickle.dumps(config)) == config
    with pytest.raises(AttributeError):
        config.server = Config().server  # type: ignore[misc] # that it is frozen is what is tested


def test_the_environment_names_the_file() -> None:
    assert file_from({"ENTREPOT_CONFIG": "x.toml"}) == "x.toml"
    assert file_from({"ENTREPOT_CONFIG": ""}) is None
    assert load(None, {"ENTREPOT_CONFIG": "ignored here"}, {}) == load(None, {}, {})


def test_workers_follow_the_cores_up_to_four_unless_asked_for() -> None:
    cores = len(os.sched_getaffinity(0))
    config, origins = load(None, {}, {})
    assert config.server.workers == min(4, cores)
    assert origins["server.workers"] == "default, one per core up to 4"
    config, _ = load(None, {}, {"storage.driver": "memory"})
    assert config.server.workers == 1
    config, origins = load(None, {}, {"server.workers": "3"})
    assert (config.server.workers, origins["server.workers"]) == (3, "command line")
