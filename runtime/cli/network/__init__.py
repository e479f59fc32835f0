"""`entrepot network`: its verbs, one per file."""

from runtime.cli.group import Verbs

VERBS = {
    "connect": "Connect a container to a network.",
    "create": "Create a network.",
    "disconnect": "Disconnect a container from a network.",
    "inspect": "Show details of networks.",
    "ls": "List networks.",
    "prune": "Remove networks that are not used.",
    "rm": "Remove networks.",
}

command = Verbs("network", "runtime.cli.network", VERBS, "Networks of containers.")
