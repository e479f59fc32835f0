"""`--annotation key=value`: what is told to the OCI runtime (runtime-spec, config.md "Annotations")."""

from runtime.bundle.errors import ValueInvalid


def read(text: str) -> tuple[str, str]:
    """The key and the value, which may be empty."""
    key, _, value = text.partition("=")
    if not key:
        raise ValueInvalid(f"invalid annotation: {text!r}; use key=value")
    return key, value
