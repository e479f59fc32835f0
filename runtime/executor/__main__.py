"""Started as a file by the launcher, with `python -I -S`: find the package, then the program."""

import gc
import sys

gc.disable()  # nothing here lives long enough for a cycle to matter
sys.path.insert(0, __file__.rsplit("/", 3)[0])

# Only now they can be found.
from runtime.module_archive import begin  # noqa: E402

kept = begin(f"{__file__.rpartition('/')[0]}/__pycache__/programs.{sys.implementation.cache_tag}", whole=True)

from runtime.executor.program import main  # noqa: E402

main(sys.argv[1:], kept.keep)
