"""`entrepot storage`: its verbs, one per file."""

from registry.cli.verbs import Verbs

VERBS = {
    "copy": "Copy all blobs to another storage; the registry may be running.",
}

command = Verbs("storage", "registry.cli.storage", VERBS, "Copy the blobs to another storage.")
