"""What looks at a whole run of tests, in whichever processes they are."""

import pytest

from tests.faults.tally import Tally


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        options = ("keyword", "deselect", "lf", "maxfail")
        narrowed = any(config.getoption(name, False) for name in options)
        narrowed = narrowed or any("::" in argument for argument in config.args)
        config.pluginmanager.register(Tally(narrowed=narrowed), "faults tally")
