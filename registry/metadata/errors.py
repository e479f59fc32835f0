"""What can go wrong with the database itself, whichever database it is.

    DatabaseError
    |-- DatabaseUnavailable    cannot be reached, is locked for too long, is damaged, or its disk fails
    |-- DatabaseFull           no space left where it writes
    |-- DatabaseReadOnly       may be read and not written
    `-- InReadOnlyWindow       it takes no changes for now, as it is being moved

Errors of the driver are turned into these at one border (the `translate` of a backend). Everything else a driver
raises is a mistake in this program and is left as it is.
"""


class DatabaseError(RuntimeError):
    """The database did not do what it was asked, for a reason outside this program."""


class DatabaseUnavailable(DatabaseError):
    """The database cannot be reached, stays locked, or fails to read or write."""


class DatabaseLocked(DatabaseUnavailable):
    """Another program keeps the database locked."""


class DatabaseDamaged(DatabaseUnavailable):
    """What the database holds cannot be read."""


class DatabaseFull(DatabaseError):
    """The database has no space left to write."""


class DatabaseReadOnly(DatabaseError):
    """The database can be read and not written."""


class InReadOnlyWindow(DatabaseError):
    """The database takes no changes for now, as it is being copied or has been moved."""
