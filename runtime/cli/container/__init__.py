"""`entrepot container`: its verbs, one per file; most are also spelt without the group."""

from runtime.cli.group import Verbs

VERBS = {
    "attach": "Attach this terminal to a running container.",
    "commit": "Create an image from a container's changes.",
    "cp": "Copy files between a container and this machine.",
    "create": "Create a container without starting it.",
    "diff": "Show what a container has changed.",
    "exec": "Run a command in a running container.",
    "export": "Write the files of a container to a tar file.",
    "inspect": "Show details of containers.",
    "kill": "Send containers a signal.",
    "logs": "Show the logs of a container.",
    "ls": "List containers.",
    "pause": "Freeze all processes of containers.",
    "port": "Show the published ports of a container.",
    "prune": "Remove containers that do not run.",
    "rename": "Rename a container.",
    "restart": "Stop containers and start them again.",
    "rm": "Remove containers.",
    "run": "Create a container and run it.",
    "start": "Start containers.",
    "stats": "Show the resource usage of containers.",
    "stop": "Stop containers.",
    "top": "Show the processes of a container.",
    "unpause": "Resume paused containers.",
    "update": "Change the resource limits and the restart policy of containers.",
    "wait": "Wait until containers end.",
}

command = Verbs("container", "runtime.cli.container", VERBS, "Containers of this machine.")
