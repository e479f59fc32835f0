"""msgspec, loaded without typing_extensions, which is a third of what it loads.

It takes from there what Python's typing has itself since 3.11, and takes it from typing where the other is not
installed. So for the time it is loaded the other is not installed. Imported before whatever imports msgspec.
"""

import sys

_NAME = "typing_extensions"

if _NAME not in sys.modules:
    sys.modules[_NAME] = None  # type: ignore[assignment]
    try:
        import msgspec  # noqa: F401
    finally:
        del sys.modules[_NAME]
