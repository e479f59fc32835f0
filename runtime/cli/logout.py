"""`entrepot logout`: forgets the login for a registry."""

import click

from registry.client.docker_config import DockerConfig
from runtime.cli.settings import settings


@click.command(help="Log out of a registry; the default one when none is named.")
@click.argument("registry", required=False, default="")
def command(registry: str) -> None:
    """Log out."""
    host = registry.removeprefix("https://").removeprefix("http://").rstrip("/") or settings().default_registry
    if DockerConfig().erase(host):
        click.echo(f"Removing login credentials for {host}")
    else:
        click.echo(f"Not logged in to {host}")
