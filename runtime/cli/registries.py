"""Registries as this user reaches them: with docker's logins, and the settings of this machine."""

from registry.client.client import Client
from registry.client.credentials import Credentials
from registry.client.docker_config import DockerConfig
from runtime.cli.settings import Settings, settings
from runtime.images.source import Source


def source() -> Source:
    """Every registry that a name can lead to, and its mirrors."""
    chosen = settings()
    logins = DockerConfig()
    return Source(lambda host: client(host, chosen, logins.credentials(host)), chosen.mirrors)


def client(host: str, chosen: Settings, credentials: Credentials | None) -> Client:
    """A client of one registry, which may be one that the settings call insecure."""
    plain = True if f"http://{host}" in chosen.insecure_registries else None
    return Client(host, credentials=credentials, plain_http=plain, insecure=host in chosen.insecure_registries)
