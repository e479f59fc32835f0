"""Bytes by digest, durable and verified. Knows digests, not images; synchronous, called from threads."""
