"""Tests of registry.metadata and migrations, on real databases."""
