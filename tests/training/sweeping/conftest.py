"""A sweep whose runs take a second or two, and one whose results are made up."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from sceneparse.inference import resolve
from sceneparse.recipes.sweep import Run, Sweep, read_sweep
from sceneparse.training.sweeping.one import TESTS

NAMES = ("ground", "dark", "bright")


@pytest.fixture
def small_sweep(data: Path, tmp_path: Path) -> Callable[..., Sweep]:
    """Reads a sweep of tiny FCNs over the folder data set, whose file holds these keys as well."""

    def read(**keys: Any) -> Sweep:
        base = {
            "backbone": {"name": "test_resnet"},
            "network": {"architecture": "fcn", "output_stride": 32, "channels": 8},
            "data": {"kind": "folder", "root": str(data), "test": "val", "workers": 0, "cache_mb": 4},
            "augmentation": {"crop": [32, 32]},
            "training": {
                "iterations": 2,
                "batch": 2,
                "precision": "float32",
                "validate_every": 0,
                "checkpoint_every": 1,
                "log_every": 1,
                "device": "cpu",
            },
        }
        (tmp_path / "base.yaml").write_text(yaml.safe_dump(base))
        content = {"base": "base.yaml", "description": "tiny", "groups": {"blocks": ["dark", "bright"]}} | keys
        path = tmp_path / "tiny.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return read_sweep(path)

    return read


@pytest.fixture
def pretend() -> Callable[..., None]:
    """Writes what a finished run leaves, with made-up figures."""

    def write(sweep: Sweep, folder: Path, run: Run, mean_iou: float, dark: float | None, bright: float) -> None:
        tests = {
            name: {
                "mean_iou": mean_iou,
                "pixel_accuracy": 0.5 + mean_iou / 2,
                "protocol": resolve(settings).describe(),
                "classes": [
                    {"name": one, "iou": iou} for one, iou in zip(NAMES, (mean_iou, dark, bright), strict=True)
                ],
                "picture_mean_ious": [[0, mean_iou]],
            }
            for name, settings in run.row.tests.items()
        }
        (folder / run.folder).mkdir(parents=True)
        (folder / run.folder / TESTS).write_text(json.dumps(tests))
        (folder / run.folder / "run.json").write_text(json.dumps({"seconds": 90.0}))
        del sweep

    return write
