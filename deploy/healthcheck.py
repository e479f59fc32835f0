"""Asks the registry of this container whether it answers: exit code 0 if so, else 1 and one line that says why not.

It reads the same configuration as the server, apart from flags of its command line.
"""

import http.client
import os
import ssl
import sys

from registry.config import file_from, load

TIMEOUT = 4.0


def answer() -> str:
    """Return "ok", or what is wrong."""
    config = load(file_from(os.environ), os.environ, {}).config
    host, _, port = config.server.listen.rpartition(":")
    # One that listens everywhere listens here too.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.server.host, config.server.host)  # noqa: S104
    port = config.server.port
    connection: http.client.HTTPConnection
    if config.tls.certificate:
        # It asks itself: whether the certificate is good for this name is the business of those outside.
        trusting = ssl._create_unverified_context()  # noqa: S323
        connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=trusting)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    connection.request("GET", "/healthz")
    status = connection.getresponse().status
    return "ok" if status == 200 else f"/healthz is answered {status}"


def main() -> int:
    """Print what is wrong, if anything is."""
    try:
        said = answer()
    except (OSError, ValueError, http.client.HTTPException) as error:
        said = str(error) or type(error).__name__
    if said == "ok":
        return 0
    sys.stderr.write(said + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
