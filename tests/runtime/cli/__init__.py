"""Tests of runtime.cli."""
