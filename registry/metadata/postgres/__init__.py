"""The index in PostgreSQL: its connections, its wire, and reads that share round trips."""
