"""`entrepot image`: its verbs, one per file; most are also spelt without the group."""

from runtime.cli.group import Verbs

VERBS = {
    "history": "Show the history of an image.",
    "import": "Create an image from a tar file.",
    "inspect": "Show details of images.",
    "load": "Load images from a tar file.",
    "ls": "List images.",
    "prune": "Remove images that are not used.",
    "pull": "Pull an image from a registry.",
    "push": "Push an image to a registry.",
    "rm": "Remove images.",
    "save": "Write images to a tar file.",
    "tag": "Tag an image with another name.",
}

command = Verbs("image", "runtime.cli.image", VERBS, "Images of this machine.")
