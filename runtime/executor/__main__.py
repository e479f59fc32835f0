"""Started as a file by the launcher, with `python -I -S`: find the package, then the program."""

import gc
import sys

gc.disable()  # nothing here lives long enough for a cycle to matter
sys.path.insert(0, __file__.rsplit("/", 3)[0])

from runtime.executor.program import main  # noqa: E402 # only now it can be found

main(sys.argv[1:])
