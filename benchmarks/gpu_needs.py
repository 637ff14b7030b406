"""What a machine must have before `gpu.py` spends minutes of it."""

import os
import shutil
from collections.abc import Collection
from importlib.util import find_spec

from gpu_given import Given
from sceneparse.datasets.camvid import open_camvid
from sceneparse.errors import UserError

PACKAGES = {"triton": "the kernels", "transformers": "a peer", "torchvision": "a peer"}
"""Packages without which promises stay open or fail, and what each is for."""

COMPILERS = ("gcc", "clang", "cc")
"""Of which Triton takes one to launch kernels, unless CC names another."""


def lacking(given: Given, sections: Collection[str]) -> list[str]:
    """What is missing, a line each; a section would come to nothing for want of it.

    Args:
        given: What is measured with.
        sections: Which sections are.
    """
    lines = [f"{name} is not installed ({what})" for name, what in PACKAGES.items() if find_spec(name) is None]
    if not os.environ.get("CC") and not any(map(shutil.which, COMPILERS)):
        lines.append(f"there is no C compiler ({', '.join(COMPILERS)}), which Triton needs")
    if given.data is not None and "recipe" in sections:
        try:
            for split in ("train", "val"):
                open_camvid(given.data, split)
        except UserError as error:
            lines.append(f"--data: {error}")
    return lines
