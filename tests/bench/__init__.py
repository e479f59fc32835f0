"""The bench: the same load on ours and on other registries in one run (`python -m tests.bench`)."""
