"""Registries as this user reaches them: with docker's logins, and the settings of this machine."""

from collections.abc import Mapping

from registry.client.client import Client
from registry.client.credentials import Credentials
from registry.client.docker_config import DockerConfig
from runtime.cli.settings import Settings, settings
from runtime.images.source import Source


def source(folders: Mapping[str, str] | None = None) -> Source:
    """Every registry that a name can lead to, its mirrors, and its folder on this machine: as set, or as said here."""
    chosen = settings()
    logins = DockerConfig()
    known = {**chosen.registry_roots, **(folders or {})}
    return Source(lambda host: client(host, chosen, logins.credentials(host)), chosen.mirrors, known, ask=chosen.share)


def client(host: str, chosen: Settings, credentials: Credentials | None) -> Client:
    """A client of one registry, which may be one that the settings call insecure."""
    plain = True if f"http://{host}" in chosen.insecure_registries else None
    return Client(host, credentials=credentials, plain_http=plain, insecure=host in chosen.insecure_registries)
