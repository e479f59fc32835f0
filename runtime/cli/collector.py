"""Python's collector of cycles, told to come seldom: a command lives shortly, and most of its objects are modules.

Imported before everything else, for that is when it would come most often.
"""

import gc

gc.set_threshold(50_000, 50, 50)
