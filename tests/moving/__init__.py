"""Tests of registry.moving."""
