"""Recorded cases of our own, in the form of the published ones: networks in their published wiring, run by torch."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import Tensor, nn

COUNTERS = ("_tmp_running_mean", "_tmp_running_var", "_running_iter")
"""What CSAIL's synchronised batch norm keeps beside the usual statistics."""


class Recorder:
    """Writes cases into a folder that has `fill.py` and `golden.py` beside them, as the published ones have.

    Args:
        parity: The folder of the published cases.
        folder: Where the cases go.
        fill: The module `fill` of the published cases.
    """

    def __init__(self, parity: Path, folder: Path, fill: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("fill.py", "golden.py"):
            shutil.copy(parity / name, folder / name)
        self.folder, self.fill = folder, fill

    def filled(self, network: nn.Module, counters: tuple[str, ...] = ()) -> list[list[Any]]:
        """Fill a network by the rules; returns the manifest's list of its keys."""
        rows: list[list[Any]] = []
        for key, value in network.state_dict().items():
            filled = torch.from_numpy(np.asarray(self.fill.fill(key, value.shape)))
            value.copy_(filled)
            rows.append([key, list(value.shape), str(filled.dtype).removeprefix("torch."), None])
            if key.endswith("num_batches_tracked"):
                stem, width = key.removesuffix("num_batches_tracked"), rows[-2][1]
                rows += [[stem + name, [1] if name == "_running_iter" else width, "float32", None] for name in counters]
        return rows

    def image(self, shape: list[int], seed: int) -> Tensor:
        """An input."""
        return torch.from_numpy(self.fill.image(shape, seed))

    def target(self, source: Mapping[str, Any]) -> Tensor:
        """Labels by a manifest's entry."""
        options = {key: source[key] for key in ("ignore", "frac", "low") if key in source}
        return torch.from_numpy(self.fill.target(source["shape"], source["seed"], source["classes"], **options))

    def write(
        self,
        name: str,
        manifest: Mapping[str, Any],
        outputs: Mapping[str, Tensor],
        outputs64: Mapping[str, Tensor] | None = None,
        atol: float = 1e-3,
    ) -> Path:
        """Write a case; a limit is a share of an output's largest value."""
        case = self.folder / name
        case.mkdir()
        arrays = {key: value.detach().contiguous().numpy() for key, value in outputs.items()}
        tensors = {
            key: {
                "shape": list(value.shape),
                "dtype": str(value.dtype),
                **({"atol": atol * float(np.abs(value).max()) + 1e-7} if value.dtype.kind == "f" else {}),
            }
            for key, value in arrays.items()
        }
        save_file(arrays, case / "outputs.safetensors")
        if outputs64 is not None:
            doubles = {key: value.detach().contiguous().numpy() for key, value in outputs64.items()}
            save_file(doubles, case / "outputs64.safetensors")
        content = {"name": name, "fill_version": self.fill.VERSION, "tensors": tensors, **manifest}
        (case / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
        return case


def thinned(gradient: Tensor) -> Tensor:
    """A gradient as it is recorded: large ones in part."""
    return gradient if gradient.numel() <= 4000 else gradient.reshape(-1)[:: gradient.numel() // 1000][:1000]


def norms(network: nn.Module) -> Tensor:
    """The gradients' norms in the order of the parameters."""
    return torch.stack([value.grad.norm() for _, value in network.named_parameters() if value.grad is not None])
