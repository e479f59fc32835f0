"""The version of the installed distribution."""

from importlib.metadata import PackageNotFoundError, version


def release() -> str:
    """Return the version, or a word that says the code runs from a folder that was never installed."""
    try:
        return version("entrepot")
    except PackageNotFoundError:
        return "(not installed)"
