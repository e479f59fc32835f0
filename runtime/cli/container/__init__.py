"""`entrepot container`: its verbs, one per file; most are also spelt without the group."""

from runtime.cli.group import Verbs

VERBS = {
    "attach": "Show the output of a container here, and give it what is typed.",
    "commit": "Make an image of what a container has written.",
    "cp": "Copy files between a container and this machine.",
    "create": "Create a container without starting it.",
    "diff": "Show what a container has changed.",
    "exec": "Run one more process in a container.",
    "export": "Write the files of a container to a tar file.",
    "inspect": "Show all that is known of containers.",
    "kill": "Send containers a signal.",
    "logs": "Show what a container has written.",
    "ls": "List containers.",
    "pause": "Freeze all processes of containers.",
    "port": "Show the published ports of a container.",
    "prune": "Remove containers that do not run.",
    "rename": "Give a container another name.",
    "restart": "Stop containers and start them again.",
    "rm": "Remove containers.",
    "run": "Create a container and run it.",
    "start": "Start containers.",
    "stats": "Show what containers use.",
    "stop": "Stop containers.",
    "top": "Show the processes of a container.",
    "unpause": "Let containers that were paused go on.",
    "update": "Change the bounds and the restart policy of containers.",
    "wait": "Wait until containers end.",
}

command = Verbs("container", "runtime.cli.container", VERBS, "Containers of this machine.")
