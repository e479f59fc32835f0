"""`entrepot system`: its verbs, one per file."""

from runtime.cli.group import Verbs

VERBS = {
    "df": "Show what images, containers and volumes take on the disk.",
    "prune": "Remove what is not used.",
}

command = Verbs("system", "runtime.cli.system", VERBS, "The machine as a whole.")
