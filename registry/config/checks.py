"""Refuses values that are each allowed but impossible together, before anything is opened."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from registry.config.errors import ConfigError
from registry.config.settings import SETTINGS, Config


class _Refusal(NamedTuple):
    key: str
    value: object
    reason: str


def check(config: Config, origins: Mapping[str, str]) -> None:
    """Raise `ConfigError` for the first impossible combination in `config`."""
    for refusal in _refusals(config):
        raise ConfigError(refusal.key, refusal.value, refusal.reason, origin=origins.get(refusal.key, ""))


def _refusals(config: Config) -> Iterator[_Refusal]:
    yield from _access(config)
    yield from _tls(config)
    yield from _storage(config)
    yield from _database(config)
    yield from _web(config)


def _access(config: Config) -> Iterator[_Refusal]:
    if not config.access.anonymous:
        yield _Refusal(
            "access.anonymous",
            "",
            f"server.listen = {config.server.listen} can be reached from other machines; choose what clients may do: "
            '"pull", "push" (pull and push) or "full" (pull, push and delete); or listen on 127.0.0.1',
        )


def _tls(config: Config) -> Iterator[_Refusal]:
    certificate, key = config.tls.certificate, config.tls.key
    if certificate and not key:
        yield _Refusal("tls.key", "", f"must be set as well when tls.certificate is ({certificate})")
    if key and not certificate:
        yield _Refusal("tls.certificate", "", f"must be set as well when tls.key is ({key})")


def _storage(config: Config) -> Iterator[_Refusal]:
    driver = config.storage.driver
    if driver == "s3":
        yield from _bucket(config)
    else:
        for setting in SETTINGS.values():
            value = getattr(config.s3, setting.name) if setting.section == "s3" else setting.default
            if value != setting.default:
                yield _Refusal(setting.key, value, 'has no effect without storage.driver = "s3"')
    if driver != "filesystem" and config.storage.path:
        yield _Refusal(
            "storage.path", config.storage.path, f'cannot be used with storage.driver = "{driver}"; leave it out'
        )
    if driver == "memory" and config.server.workers > 1:
        yield _Refusal(
            "server.workers",
            config.server.workers,
            'must be 1 with storage.driver = "memory", as workers share no memory; or use the filesystem driver',
        )


def _bucket(config: Config) -> Iterator[_Refusal]:
    s3 = config.s3
    if not s3.bucket:
        yield _Refusal("s3.bucket", "", 'must be set with storage.driver = "s3"')
    if bool(s3.access_key) != bool(s3.secret_key):
        missing = "s3.secret_key" if s3.access_key else "s3.access_key"
        yield _Refusal(
            missing, "", "access and secret key go together; without both, the environment or the instance role is used"
        )
    if s3.session_token and not s3.access_key:
        yield _Refusal("s3.access_key", "", "must be set as well when s3.session_token is")
    if s3.kms_key and s3.encryption != "aws:kms":
        yield _Refusal("s3.kms_key", s3.kms_key, 'has no effect without s3.encryption = "aws:kms"')


def _database(config: Config) -> Iterator[_Refusal]:
    url = config.database.url
    if url.startswith("postgresql://"):
        return
    path = url.removeprefix("sqlite:///")
    if path == url or not path or path.startswith(":memory:") or "?" in path:
        yield _Refusal(
            "database.url",
            url,
            "must be the URL of an SQLite database file, such as sqlite:////var/lib/entrepot/entrepot.db, "
            "with no question mark in its path, or of a PostgreSQL database, such as "
            "postgresql://entrepot@db.example.com/entrepot",
        )
    if config.database.connections != SETTINGS["database.connections"].default:
        yield _Refusal(
            "database.connections", config.database.connections, "has no effect with SQLite, whose file is read at once"
        )


def _web(config: Config) -> Iterator[_Refusal]:
    header = config.server.proxy_sends_files
    if header and not config.server.trusted_proxies:
        yield _Refusal(
            "server.proxy_sends_files", header, "has no effect without server.trusted_proxies; name the proxy there"
        )
    if header and config.storage.driver != "filesystem":
        yield _Refusal(
            "server.proxy_sends_files", header, 'has no effect without storage.driver = "filesystem"; leave it out'
        )
    if config.cors.allow_credentials and "*" in config.cors.allow_origins:
        yield _Refusal(
            "cors.allow_credentials",
            True,
            'cannot be true with cors.allow_origins = ["*"], browsers refuse it; list the origins instead',
        )
    if config.cors.allow_credentials and not config.cors.allow_origins:
        yield _Refusal("cors.allow_credentials", True, "has no effect without cors.allow_origins; list the origins")
    if config.log.access_file and not config.log.access:
        yield _Refusal(
            "log.access_file", config.log.access_file, "cannot be used with log.access = false; leave one out"
        )
