"""The engine on this machine's roots."""

from runtime.cli.home import home
from runtime.engine.machine import Machine


def machine() -> Machine:
    """The containers of the command that runs now."""
    here = home()
    return Machine(here.root, here.run)
