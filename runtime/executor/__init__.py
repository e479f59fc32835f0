"""The program `entrepot-oci`: an OCI runtime with runc's command line.

Three processes make a container: the caller's (`launch.py`), one that leaves the namespaces and goes (`departure.py`),
and the container's first (`init.py`), which ends as the program itself through `stub.py`. They speak by `channel.py`.
Every start pays for every import, so only what a verb needs is loaded, and no module of Python's library that is slow
to load: no json, re, typing, enum, socket or subprocess. Once a process has entered a container it imports nothing.
"""
