"""Tests that the gate has no time for: larger variants of what it runs, or what benchmarks measure anyway."""

import os

import pytest

slow = pytest.mark.skipif("SCENEPARSE_SLOW_TESTS" not in os.environ, reason="takes long: make test-slow")
