"""Recorded cases of the published implementations: weights and inputs by rule, outputs to compare with."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@dataclass(frozen=True)
class GoldenCase:
    """One recorded case."""

    fill: ModuleType
    golden: ModuleType
    manifest: dict[str, Any]
    reference: dict[str, np.ndarray]

    def weights(self) -> dict[str, Tensor]:
        """The implementation's weights; of a pair, "encoder." and "decoder." stand before the keys."""
        parts = self.manifest["state_dicts"]
        return {
            name if len(parts) == 1 else f"{part}.{name}": torch.from_numpy(value)
            for part in parts
            for name, value in self.fill.state(self.manifest, part).items()
        }

    def image(self, index: int = 0) -> Tensor:
        """An input, normalised: (N, C, H, W)."""
        source = self.manifest["inputs"][index]
        return torch.from_numpy(self.fill.image(source["shape"], source["seed"]))

    def compare(self, got: Mapping[str, Tensor]) -> None:
        """Every recorded output is there and within its limit."""
        assert sorted(got) == sorted(self.reference)
        rows = self.golden.compare(self.manifest, self.reference, {key: value.numpy() for key, value in got.items()})
        assert [row for row in rows if not row[3]] == []


def golden_case(shared: Path, name: str) -> GoldenCase:
    fill, golden = module(shared / "parity" / "fill.py"), module(shared / "parity" / "golden.py")
    manifest, reference = golden.load(name)
    return GoldenCase(fill, golden, manifest, reference)
