"""Tests of runtime.images."""
