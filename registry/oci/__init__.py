"""The words of the OCI specs: pure code that takes values and returns values."""
