"""`entrepot login`: a user and password for a registry, proven and kept where docker keeps them."""

import sys

import click

from registry.client.credentials import Basic, IdentityToken
from registry.client.docker_config import DockerConfig
from runtime.cli.registries import client
from runtime.cli.settings import settings


@click.command(help="Log in to a registry; the default one when none is named.")
@click.argument("registry", required=False, default="")
@click.option("-u", "--username", metavar="NAME", help="The user.")
@click.option("-p", "--password", metavar="WORD", help="The password; others may read it in the list of processes.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def command(registry: str, username: str | None, password: str | None, password_stdin: bool) -> None:
    """Log in."""
    chosen, logins = settings(), DockerConfig()
    host = registry.removeprefix("https://").removeprefix("http://").rstrip("/") or chosen.default_registry
    if password_stdin:
        if password is not None or username is None:
            raise click.UsageError(
                "--password-stdin goes with --username and without --password", click.get_current_context()
            )
        password = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    elif password is not None:
        click.echo("WARNING! Using --password is not safe, use --password-stdin.", err=True)
    username = username or click.prompt("Username", err=True)
    password = password if password is not None else click.prompt("Password", hide_input=True, err=True)
    given = Basic(str(username), str(password))
    kept = client(host, chosen, given).login()
    if not logins.store(host, kept if isinstance(kept, (Basic, IdentityToken)) else given):
        click.echo(f"WARNING! Your password is kept unencrypted in {logins.path}.", err=True)
    click.echo("Login Succeeded")
