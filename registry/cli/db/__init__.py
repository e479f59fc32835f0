"""`entrepot db`: its verbs, one per file."""

from registry.cli.verbs import Verbs

VERBS = {
    "copy": "Copy the database to another; this one is read-only afterwards.",
    "writable": "Make a registry that was copied writable again.",
}

command = Verbs("db", "registry.cli.db", VERBS, "Copy the database to another, or make it writable again.")
