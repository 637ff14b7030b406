"""A data set and a recipe so small that a whole training takes about a second."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sceneparse.files import write_json
from sceneparse.networks.exact import reading
from sceneparse.recipes import from_mapping
from sceneparse.settings import Recipe
from sceneparse.training import prepare

HEIGHT, WIDTH = 48, 56


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    # As in the processes that tests start: sums depend on the number of threads in their last bits.
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder data set: a dark and a bright block on grey; their class is their brightness."""
    root = tmp_path_factory.mktemp("data")
    write_json(root / "classes.json", {"names": ["ground", "dark", "bright"], "ignore": 255})
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 3)):
        for number in range(count):
            image = np.full((HEIGHT, WIDTH, 3), 128.0)
            mask = np.zeros((HEIGHT, WIDTH), np.uint8)
            for label, value in ((1, 30), (2, 220)):
                top, left = rng.integers(0, HEIGHT - 16, 2)
                image[top : top + 16, left : left + 16] = value
                mask[top : top + 16, left : left + 16] = label
            mask[:2] = 255
            image = (image + rng.normal(0, 4, image.shape)).clip(0, 255).astype(np.uint8)
            for kind, array in (("images", image), ("masks", mask)):
                path = root / kind / split / f"{number:03d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(path)
    return root


@pytest.fixture(scope="session")
def toy(data: Path) -> Callable[..., Recipe]:
    """Makes recipes of a tiny FCN; `training__iterations=4` sets training.iterations."""

    def recipe(**changes: object) -> Recipe:
        mapping: dict[str, dict[str, object]] = {
            "backbone": {"name": "test_resnet"},
            "network": {"architecture": "fcn", "output_stride": 32, "channels": 8, "dropout": 0.2},
            "data": {"kind": "folder", "root": str(data), "workers": 0, "cache_mb": 4},
            "augmentation": {"crop": [32, 32], "color": 0.2},
            "optimizer": {"lr": 0.01, "head_factor": 2.0},
            "training": {
                "iterations": 6,
                "batch": 4,
                "precision": "float32",
                "validate_every": 3,
                "checkpoint_every": 2,
                "log_every": 1,
                "device": "cpu",
            },
        }
        for key, value in changes.items():
            group, name = key.split("__")
            mapping.setdefault(group, {})[name] = value
        return from_mapping(Recipe, {"name": "toy", **mapping}, "test")

    return recipe


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Computes on the CPU what would be computed on a GPU, with a fused optimiser."""
    monkeypatch.setattr(reading, "FREE", frozenset())
    monkeypatch.setattr(prepare, "fuses", lambda *_, **__: True)
