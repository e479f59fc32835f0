"""What all fault tests share: a seed that is printed, and the state of a run in the report of a failure."""

import os
import secrets

import pytest


@pytest.fixture
def seed() -> str:
    """The seed of this run; FAULTS_SEED repeats an earlier one."""
    chosen = os.environ.get("FAULTS_SEED") or secrets.token_hex(4)
    print(f"FAULTS_SEED={chosen}")
    return chosen
