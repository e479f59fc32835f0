"""Tests of the OCI words: tables from the specs, and properties."""
