"""Tests of registry.cli."""
