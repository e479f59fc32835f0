"""`entrepot create`: a new container of an image, not started."""

from runtime.cli.creating import made
from runtime.cli.machine import machine
from runtime.cli.run_request import Asked
from runtime.cli.run_verb import run_verb


def _create(asked: Asked) -> None:
    print(made(machine(), asked).id)


command = run_verb("Create a container without starting it.", _create, starts=False)
