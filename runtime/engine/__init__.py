"""Containers without a daemon: their state on disk, a small monitor process for each, and what is done to them.

`monitor` is a program of its own and imports of the project only what says so on top: it stays small.
"""
