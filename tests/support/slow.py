"""Tests that the gate has no time for: larger variants of what it runs anyway."""

import os
from typing import Any

import pytest

slow = pytest.mark.skipif(
    "SCENEPARSE_SLOW_TESTS" not in os.environ, reason="a variant of a test that runs: make test-slow"
)


def slow_unless(gate: bool, *values: Any) -> Any:
    """Return a case of a parametrised test, which the gate runs only if it is told to."""
    return pytest.param(*values, marks=() if gate else slow)
