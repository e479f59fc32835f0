"""S3 servers for tests, and a proxy that troubles them."""
