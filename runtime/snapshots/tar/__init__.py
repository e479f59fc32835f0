"""Tar archives as layers are: pure reading of headers, extended headers and sparse maps, and writing.

Python's tarfile is not used: it follows rules of its own where Go's reader, which the other engines use, is strict, and
takes several times as long for a header.
"""
