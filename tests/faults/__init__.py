"""Acked means safe: kills, bad disks, I/O errors and power cuts against a record of what was acknowledged."""
