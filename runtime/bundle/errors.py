"""Why what was asked for cannot be made into a container.

BundleError
  ValueInvalid         a value does not follow the grammar of its option
  Conflict             values that are right alone and impossible together, or out of the range this host has
  ImageConfigInvalid   the image's configuration is not one
  UserUnknown          the image knows no such user or group
  ProfileInvalid       a seccomp profile is not one
"""

from __future__ import annotations

TYPE_CHECKING = False  # an error is loaded with everything that can fail
if TYPE_CHECKING:
    from typing import ClassVar


class BundleError(Exception):
    """What was asked for cannot be done; the text is for the user who asked."""

    exit_code: ClassVar[int] = 125
    """Docker's, for a container that never came to be."""


class ValueInvalid(BundleError):
    """A value does not follow its grammar; the text says what is allowed."""


class Conflict(BundleError):
    """Values exclude each other, or this host cannot give what they ask."""


class ImageConfigInvalid(BundleError):
    """The JSON of an image's configuration is broken, too large or means nothing."""


class UserUnknown(BundleError):
    """A user or group that the image's /etc/passwd and /etc/group do not have."""


class ProfileInvalid(BundleError):
    """A seccomp profile is not JSON, or not a profile."""
