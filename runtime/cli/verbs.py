"""The table of the runtime's verbs: the name of each, and what `entrepot --help` says of it.

A verb `some-verb` is the module `runtime.cli.some_verb` (a package when it is a group) with a click command named
`command`. The server's verbs are not here: their own command line knows them.
"""

from typing import Final

VERBS: Final = {
    "image": "Images: ls, inspect, history, rm, prune and the like.",
}

ALIASES: Final = {"list": "ls", "remove": "rm"}
"""Names within groups that are typed as often as those shown."""
