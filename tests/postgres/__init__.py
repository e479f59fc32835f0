"""PostgreSQL for tests, and how the registry stands its failures."""
