"""The question before something is removed that was not named."""

import click


def confirm(warning: str, force: bool) -> None:
    """Ask, unless told not to; anything but yes ends the command as an interrupt would."""
    if not force:
        click.confirm(f"WARNING! {warning}\nAre you sure you want to continue?", abort=True, err=True)
