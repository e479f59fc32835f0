"""`entrepot image`: its verbs, one per file; most are also spelt without the group."""

from runtime.cli.group import Verbs

VERBS = {
    "history": "Show how an image was made.",
    "import": "Make an image of a tar file.",
    "inspect": "Show all that is known of images.",
    "load": "Load images from a tar file.",
    "ls": "List images.",
    "prune": "Remove images that are not used.",
    "pull": "Pull an image from a registry.",
    "push": "Push an image to a registry.",
    "rm": "Remove images.",
    "save": "Write images to a tar file.",
    "tag": "Give an image one more name.",
}

command = Verbs("image", "runtime.cli.image", VERBS, "Images of this machine.")
