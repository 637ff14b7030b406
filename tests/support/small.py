"""Things small enough to train and parse in a second or two."""

import json
from pathlib import Path

import numpy as np
from PIL import Image


def write_data_set(root: Path, counts: dict[str, int] | None = None, size: tuple[int, int] = (48, 64)) -> Path:
    """A folder data set of noisy pictures whose bright half is class 1 and whose dark half is class 0."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "classes.json").write_text(json.dumps({"names": ["dark", "bright"], "ignore": 255}))
    generator = np.random.default_rng(0)
    height, width = size
    for split, count in (counts or {"train": 4, "val": 2, "test": 2}).items():
        for kind in ("images", "masks"):
            (root / split / kind).mkdir(parents=True)
        for index in range(count):
            mask = np.zeros(size, np.uint8)
            mask[:, int(generator.integers(width // 4, width)) :] = 1
            mask[:2] = 255
            picture = (mask == 1)[..., None] * 120 + generator.integers(0, 100, (height, width, 3))
            Image.fromarray(picture.astype(np.uint8)).save(root / split / "images" / f"{index:03}.png")
            Image.fromarray(mask).save(root / split / "masks" / f"{index:03}.png")
    return root


TINY = [
    "--backbone.name=test_resnet",
    "--network.architecture=fcn",
    "--network.channels=8",
    "--network.output_stride=16",
    "--augmentation.crop=[32,32]",
    "--training.iterations=2",
    "--training.batch=2",
    "--training.validate_every=0",
    "--training.log_every=1",
    "--training.precision=float32",
    "--data.workers=0",
]
"""Settings under which a training ends in a second or two."""
