"""`entrepot container`: its verbs, one per file; most are also spelt without the group."""

from runtime.cli.group import Verbs

VERBS = {
    "attach": "Show the output of a container here, and give it what is typed.",
    "create": "Create a container without starting it.",
    "exec": "Run one more process in a container.",
    "inspect": "Show all that is known of containers.",
    "kill": "Send containers a signal.",
    "logs": "Show what a container has written.",
    "ls": "List containers.",
    "pause": "Freeze all processes of containers.",
    "prune": "Remove containers that do not run.",
    "rename": "Give a container another name.",
    "restart": "Stop containers and start them again.",
    "rm": "Remove containers.",
    "run": "Create a container and run it.",
    "start": "Start containers.",
    "stop": "Stop containers.",
    "unpause": "Let containers that were paused go on.",
    "wait": "Wait until containers end.",
}

command = Verbs("container", "runtime.cli.container", VERBS, "Containers of this machine.")
