"""`entrepot system`: its verbs, one per file."""

from runtime.cli.group import Verbs

VERBS = {
    "df": "Show what images, containers and volumes take on the disk.",
    "events": "Show what happens to containers.",
    "info": "Show what this machine is, and what is on it.",
    "service": "Start the containers that should run after a boot.",
    "prune": "Remove what is not used.",
}

command = Verbs("system", "runtime.cli.system", VERBS, "The machine as a whole.")
