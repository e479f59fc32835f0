"""Makes the folders and the log the server works with, or says in one line what stands in the way."""

import os

import click

from registry.config import Config


def make_folders(config: Config) -> None:
    """Make sure the root and the storage folder exist and can be written to."""
    _make(config.server.root, "server.root", "--root DIR")
    if config.storage.path:
        _make(config.storage.path, "storage.path", "storage.path in the configuration", only_read=True)


def check_access_log(config: Config) -> None:
    """Make sure that the workers can open the access log."""
    path = config.log.access_file
    if not path or not config.log.access:
        return
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o640))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(
            f"log.access_file {path} cannot be opened: {reason}; choose another, or none for standard output"
        ) from None


def _make(path: str, key: str, remedy: str, *, only_read: bool = False) -> None:
    try:
        os.makedirs(path, mode=0o750, exist_ok=True)
    except FileExistsError:
        raise click.ClickException(f"{key} {path} is not a folder; choose another with {remedy}") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(
            f"{key} {path} cannot be made: {reason}; make it yourself or choose another with {remedy}"
        ) from None
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        if only_read:
            click.echo(f"entrepot: {key} {path} is on a read-only disk: pulls are served, pushes are refused", err=True)
            return
        raise click.ClickException(f"{key} {path} is on a read-only disk; remount it or choose another with {remedy}")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise click.ClickException(
            f"{key} {path} is not writable for user {os.geteuid()}; change its owner or choose another with {remedy}"
        )
