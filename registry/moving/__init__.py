"""Moving a registry to another storage and another database while it serves."""
