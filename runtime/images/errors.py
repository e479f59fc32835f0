"""What can go wrong with images, for people to read.

ImagesError
+- InvalidName        not the name of an image
+- NoSuchImage        nothing here has that name or id
+- Ambiguous          several ids begin so
+- InUse              a container or another name holds it
+- NoPlatform         the registry has the image, but not for this platform
+- BadImage           a manifest or config that cannot be used
+- BadArchive         a file that is not an archive of images
+- BadChange          an instruction of import or commit that cannot be
+- BadFilter          a filter or format that cannot be
+- Interrupted        a fetch that failed beyond retrying
"""


class ImagesError(Exception):
    """Base of all."""


class InvalidName(ImagesError):
    """Not the name of an image."""


class NoSuchImage(ImagesError):
    """Nothing here has that name or id."""


class Ambiguous(ImagesError):
    """Several images have ids that begin so."""


class InUse(ImagesError):
    """A container or another name holds it."""


class NoPlatform(ImagesError):
    """There is no such image for the platform."""


class BadImage(ImagesError):
    """A manifest or a config that cannot be used."""


class BadArchive(ImagesError):
    """A file that is not an archive of images."""


class BadChange(ImagesError):
    """An instruction that cannot be applied to a config."""


class BadFilter(ImagesError):
    """A filter that is not known, or a value it cannot have."""


class Interrupted(ImagesError):
    """A fetch that failed beyond retrying."""
