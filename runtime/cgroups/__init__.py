"""Control groups, version 1 (one hierarchy per controller) and version 2 (one for all), behind one Protocol.

`cgroup.py` is the Protocol, `hierarchies.py` finds what this host has and makes the right one of `v1.py` and `v2.py`.
Resources are the runtime-spec's `linux.resources` as read from JSON.
"""
