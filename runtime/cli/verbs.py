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
    "unpause": "Let containers that were paused go on.",
    "wait": "Wait until containers end.",
    "rm": "Remove containers.",
    "attach": "Show the output of a container here, and give it what is typed.",
    "exec": "Run one more process in a container.",
    "logs": "Show what a container has written.",
    "ps": "List containers.",
    "inspect": "Show all that is known of containers, images and more.",
    "rename": "Give a container another name.",
    "cp": "Copy files between a container and this machine.",
    "diff": "Show what a container has changed.",
    "commit": "Make an image of what a container has written.",
    "export": "Write the files of a container to a tar file.",
    "top": "Show the processes of a container.",
    "stats": "Show what containers use.",
    "port": "Show the published ports of a container.",
    "update": "Change the bounds and the restart policy of containers.",
    "events": "Show what happens to containers, images, networks and volumes.",
    "info": "Show what this machine is, and what is on it.",
    "image": "Images: ls, inspect, history, rm, prune and the like.",
    "images": "List images.",
    "pull": "Pull an image from a registry.",
    "push": "Push an image to a registry.",
    "tag": "Give an image one more name.",
    "rmi": "Remove images.",
    "history": "Show how an image was made.",
    "save": "Write images to a tar file.",
    "load": "Load images from a tar file.",
    "import": "Make an image of a tar file.",
    "search": "Search the catalog of a registry.",
    "login": "Log in to a registry.",
    "logout": "Log out of a registry.",
    "network": "Networks: create, ls, connect, rm, prune and the like.",
    "volume": "Volumes: create, ls, inspect, rm, prune.",
    "system": "The machine as a whole: df, prune and the like.",
}

ALIASES: Final = {"list": "ls", "ps": "ls", "remove": "rm"}
"""Names within groups that are typed as often as those shown."""
