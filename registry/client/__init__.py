"""A client of the distribution spec: pulls from and pushes to any registry, with docker's habits of login and trust.

Synchronous and thread-safe: one thread per blob. Start at `client.Client`; `distribution.Distribution` says what it
does, `errors` what it raises, `docker_config` reads and writes the logins that docker shares.
"""
