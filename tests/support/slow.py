"""Tests that the gate has no time for: larger variants of what it runs anyway."""

import os

import pytest

slow = pytest.mark.skipif(
    "SCENEPARSE_SLOW_TESTS" not in os.environ, reason="takes long, and is a larger variant of another: make test-slow"
)
