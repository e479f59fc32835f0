"""What looks at a whole run of tests, in whichever processes they are."""

import signal

import pytest

from tests.faults.tally import Tally


def pytest_configure(config: pytest.Config) -> None:
    # A shell without job control has what it runs in the background ignore SIGINT; the tests interrupt programs by it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        options = ("keyword", "deselect", "lf", "maxfail")
        narrowed = any(config.getoption(name, False) for name in options)
        narrowed = narrowed or any("::" in argument for argument in config.args)
        config.pluginmanager.register(Tally(narrowed=narrowed), "faults tally")
