"""`entrepot config`: its verbs, one per file."""

from registry.cli.verbs import Verbs

VERBS = {
    "show": "Print the effective configuration and where each value comes from.",
    "check": "Check a configuration file.",
}

command = Verbs("config", "registry.cli.config", VERBS, "Show or check the configuration.")
