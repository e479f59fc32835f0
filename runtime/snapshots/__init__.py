"""Layers unpacked on disk, and what containers write over them. Unpacking is the security boundary of the runtime."""
