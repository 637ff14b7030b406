"""Tests that the gate has no time for: larger variants of what it runs anyway."""

import os

import pytest

slow = pytest.mark.skipif(
    "SCENEPARSE_SLOW_TESTS" not in os.environ, reason="a variant of a test that runs: make test-slow"
)
