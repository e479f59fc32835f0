"""The one seam to the kernel: system calls that Python's own library does not offer, by ctypes, one file per concern.

A call that fails raises the OSError of its errno. Nothing is imported here but ctypes and os: the executor starts
anew for every container.
"""
