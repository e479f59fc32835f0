"""The `entrepot` command: the verbs of containers, one per file, and the way to the server's."""

import gc

# Python's collector of cycles comes seldom: a command lives shortly, and most of its objects are modules. This stands
# before everything else, for that is when it would come most often.
gc.set_threshold(50_000, 50, 50)

from runtime.cli.fast_start import launched, main  # noqa: E402

__all__ = ["launched", "main"]
