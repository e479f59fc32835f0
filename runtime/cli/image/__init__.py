"""`entrepot image`: its verbs, one per file."""

from runtime.cli.group import Verbs

VERBS: dict[str, str] = {}

command = Verbs("image", "runtime.cli.image", VERBS, "Images of this machine.")
