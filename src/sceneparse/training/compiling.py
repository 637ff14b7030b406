"""Compile a network for its training (`training.compile`), or say in one line why that cannot be."""

import os
import shutil
import sys
from typing import Any

import torch
from torch import nn

from sceneparse.errors import UserError, require
from sceneparse.networks import SceneParser
from sceneparse.processes import Processes
from sceneparse.training.progress import say_once

HEAD_COMBINATIONS = 64
"""Programs of one network at most: a unified one has one for each combination of tasks that a batch can have."""


def compiled(network: SceneParser, device: torch.device, processes: Processes) -> nn.Module:
    """Return a network whose forward and backward pass are compiled for pictures of one size.

    It is compiled at its first step. The network itself stays as it is, with its names, for validation and checkpoints;
    both share their weights. Dropout draws what it would draw.

    Args:
        network: The network, in training mode.
        device: Where it computes.
        processes: Those that train together.

    Raises:
        UserError: Several processes train, or there is no compiler that works.
    """
    require(
        processes.world == 1,
        f"training.compile is for one process, but there are {processes.world}: leave it out, or train in one",
    )
    _probe(device)
    say_once(
        "training.compile: the network is compiled at the first step, which takes a minute or more on a GPU and "
        "several on few cores; PyTorch keeps what it made for the next run of the same network"
    )
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, HEAD_COMBINATIONS)
    return _compile(network)


def _compile(module: Any) -> Any:
    return torch.compile(module, dynamic=False, options={"fallback_random": True})


def _probe(device: torch.device) -> None:
    """Refuse a machine that cannot compile.

    Raises:
        UserError: There is no compiler, or a tiny program fails.
    """
    if device.type == "cpu":
        wanted = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
        require(
            shutil.which(wanted) is not None,
            f"training.compile needs a C++ compiler on the CPU, and there is no {wanted}: install one (apt install "
            "g++), name it in CXX, or leave training.compile out",
        )
    try:
        _compile(_tiny)(torch.zeros(8, device=device))
    except Exception as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise UserError(
            f"training.compile: torch.compile does not work on this machine ({reason[:200]}); leave it out"
        ) from error


def _tiny(values: torch.Tensor) -> torch.Tensor:
    return values * 2 + 1
