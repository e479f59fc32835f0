"""What exists in the registry: the tables, the database they live in, and one module of functions per noun.

A function takes a `Session` first and does one thing to one noun; which of them belong together in one transaction is
the caller's to say, by the function it hands to `Database.write`. Statements are built with SQLAlchemy Core, compiled
once per dialect, and run on the driver's own cursor. Nothing here knows about HTTP or about bytes in the storage.
"""
