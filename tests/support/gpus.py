"""Tests that need a GPU: they run alone with `pytest -m cuda`, and are skipped where there is none."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
import torch

Test = TypeVar("Test", bound=Callable[..., Any])

NEEDS_CUDA = (pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"))
"""The marks of such a test, for `pytest.param`."""


def needs_cuda(test: Test) -> Test:
    """Mark a test as one."""
    for mark in NEEDS_CUDA:
        test = mark(test)
    return test
