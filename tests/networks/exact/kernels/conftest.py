"""What runs the kernels."""

from collections.abc import Iterator

import pytest

from tests.support.gpus import NEEDS_CUDA
from tests.support.kernels import Run, interpreter, on_gpu


@pytest.fixture(scope="session")
def interpreted() -> Iterator[Run]:
    pytest.importorskip("triton", reason="Triton is not installed (Linux on x86-64 has it)")
    with interpreter() as run:
        yield run


@pytest.fixture(params=["interpreter", pytest.param("cuda", marks=NEEDS_CUDA)])
def run(request: pytest.FixtureRequest) -> Run:
    """Each test runs in the interpreter on the CPU and, where there is one, on a GPU."""
    found: Run = on_gpu if request.param == "cuda" else request.getfixturevalue("interpreted")
    return found
