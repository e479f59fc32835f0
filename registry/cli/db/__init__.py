"""`entrepot db`: its verbs, one per file."""

from registry.cli.verbs import Verbs

VERBS = {
    "copy": "Copy the database to another, while the registry takes no changes; it takes none afterwards.",
    "writable": "Let a registry that was copied take changes again.",
}

command = Verbs("db", "registry.cli.db", VERBS, "Copy the database to another, or let it be written to again.")
