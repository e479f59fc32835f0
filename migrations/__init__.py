"""The steps between versions of the tables, run by `registry.metadata.schema`; they import only its models."""
