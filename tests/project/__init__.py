"""Tests of the project as a whole: imports, wheel, docs, lengths."""
