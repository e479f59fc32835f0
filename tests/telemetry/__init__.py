"""Tests of registry.telemetry."""
