"""When the sections of `gpu.py` have to be done. The seconds are guesses: nobody has measured them on a GPU yet."""

from collections.abc import Iterable

from gpu_recipe import BEFORE, MOST, STARTING
from gpu_training import BATCH

CORES = 16
"""Cores of the machine."""

PROCESS = 10.0
"""Seconds until a process can measure: it imports, and sets the device up."""

OPERATION = 10.0
"""Seconds in which an operation is compared with another."""

OVERLAP = 14.0
"""Seconds in which a folder is parsed with and without look-ahead, four times each, and its weights are made."""

ALONE = 8.0
"""Seconds in which a recipe's step is measured alone: its graph's, and that without one."""

WEIGHTS = 8.0
"""Seconds in which the weights of two networks are made on the CPU."""

COMPILED, COMPILING = 8, 50.0
"""Rows of others that are compiled as usual, and seconds of one core that each takes."""

AUTOTUNED, AUTOTUNING = 4, 200.0
"""Those for which kernels are tried, and seconds likewise."""

CALLS = 20
"""Calls of a row in its turns."""

ONE_PICTURE, SEVERAL_PICTURES, STEP = 11 * 0.01, 11 * 0.1, 10 * 0.15
"""Seconds in which all rows are called once: with one picture, with sixteen, a training step."""

FIRST_ANSWERS = 6.0
"""Seconds in which a network answers new sizes."""

LEAST = {
    "labels": PROCESS + OPERATION,
    "loss": PROCESS + OPERATION,
    "overlap": PROCESS + OVERLAP,
    # On the host, on the device, and as a graph, at the pace that is promised.
    "recipe": PROCESS + 2 * ALONE + 3 * (STARTING + MOST * BATCH / (5 * BEFORE)),
    # Meanwhile all rows are made for what is behind it.
    "agreement": WEIGHTS + PROCESS + (COMPILED * COMPILING + AUTOTUNED * AUTOTUNING) / CORES,
    "inference": CALLS * (ONE_PICTURE + SEVERAL_PICTURES) + 2 * FIRST_ANSWERS,
    "training": CALLS * STEP,
}
"""Seconds that each section is left by those before it, in their order."""


def limit(section: str, sections: Iterable[str], until: float) -> float:
    """When a section has to be done, so that those behind it have their time.

    Args:
        section: Which.
        sections: All that are measured.
        until: When all have to be done.
    """
    order = list(LEAST)
    return until - sum(LEAST[name] for name in sections if order.index(name) > order.index(section))
