"""The table of the runtime's verbs: the name of each, and what `entrepot --help` says of it.

A verb `some-verb` is the module `runtime.cli.some_verb` (a package when it is a group; group.module_of) with a click
command named `command`. The server's verbs are not here: their own command line knows them.
"""

from typing import Final

VERBS: Final = {
    "container": "Containers: ls, inspect, rm, prune and the like.",
    "run": "Create a container and run it.",
    "create": "Create a container without starting it.",
    "start": "Start containers.",
    "stop": "Stop containers.",
    "restart": "Stop containers and start them again.",
    "kill": "Send containers a signal.",
    "pause": "Freeze all processes of containers.",
    "unpause": "Resume paused containers.",
    "wait": "Wait until containers end.",
    "rm": "Remove containers.",
    "attach": "Attach this terminal to a running container.",
    "exec": "Run a command in a running container.",
    "logs": "Show the logs of a container.",
    "ps": "List containers.",
    "inspect": "Show details of containers, images, networks and volumes.",
    "rename": "Rename a container.",
    "cp": "Copy files between a container and this machine.",
    "diff": "Show what a container has changed.",
    "commit": "Create an image from a container's changes.",
    "export": "Write the files of a container to a tar file.",
    "top": "Show the processes of a container.",
    "stats": "Show the resource usage of containers.",
    "port": "Show the published ports of a container.",
    "update": "Change the resource limits and the restart policy of containers.",
    "events": "Show events of containers, images, networks and volumes.",
    "info": "Show information about this machine and what is stored on it.",
    "image": "Images: ls, inspect, history, rm, prune and the like.",
    "images": "List images.",
    "pull": "Pull an image from a registry.",
    "push": "Push an image to a registry.",
    "tag": "Tag an image with another name.",
    "rmi": "Remove images.",
    "history": "Show the history of an image.",
    "save": "Write images to a tar file.",
    "load": "Load images from a tar file.",
    "import": "Create an image from a tar file.",
    "search": "Search the catalog of a registry.",
    "login": "Log in to a registry.",
    "logout": "Log out of a registry.",
    "network": "Networks: create, ls, connect, rm, prune and the like.",
    "volume": "Volumes: create, ls, inspect, rm, prune.",
    "system": "The machine as a whole: df, events, info, prune, service.",
}

ALIASES: Final = {"list": "ls", "ps": "ls", "remove": "rm"}
"""Names within groups that are typed as often as those shown."""
