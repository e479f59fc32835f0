"""`entrepot volume`: its verbs, one per file."""

from runtime.cli.group import Verbs

VERBS = {
    "create": "Create a volume.",
    "inspect": "Show details of volumes.",
    "ls": "List volumes.",
    "prune": "Remove volumes that are not used.",
    "rm": "Remove volumes.",
}

command = Verbs("volume", "runtime.cli.volume", VERBS, "Volumes: folders that outlive containers.")
