"""`entrepot system`: its verbs, one per file."""

from runtime.cli.group import Verbs

VERBS = {
    "df": "Show the disk usage of images, containers and volumes.",
    "events": "Show what happens to containers.",
    "info": "Show information about this machine and what is stored on it.",
    "service": "Start the containers that should run after a boot.",
    "prune": "Remove what is not used.",
}

command = Verbs("system", "runtime.cli.system", VERBS, "The machine as a whole.")
