"""Tests of registry.config."""
