"""Render the scenes of the toy world, and offer them as a data set."""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from sceneparse.data.sample import Sample
from sceneparse.errors import MissingSplitError, UserError
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.toyworld import indoors, land, lookalikes, town
from sceneparse.toyworld.canvas import Canvas, Floats
from sceneparse.toyworld.spaces import OBJECTS, SCENES, TASKS, tag
from sceneparse.toyworld.view import Camera, Light, Stage

PLANTED_SHARE = 0.65
"""Share of planted pictures among those of a kind of scene that has a look-alike."""

SEEDS = {"train": 1, "val": 2, "test": 3}
"""The seed of each split; no two splits share a scene."""

_PAINTERS = {
    "street": town.street,
    "skyline": town.skyline,
    "river": land.river,
    "beach": land.beach,
    "countryside": land.countryside,
    "mountain": land.mountain,
    "forest": land.forest,
    "bedroom": indoors.bedroom,
}


def render(seed: int, index: int, size: int) -> Sample:
    """Render scene `index` of the world `seed`: the same bytes for the same arguments, in any order and process.

    The layout depends on seed and index alone; `size` is only how finely it is drawn. Every eight scenes in a row hold
    each kind of scene once.

    Args:
        seed: Which world, 0 or more.
        index: Which scene, 0 or more.
        size: Side in pixels, at least 32.

    Returns:
        A sample with a (3, size, size) picture and all five tasks labelled: every pixel has an object, a material and a
        texture, and a part where its object has parts there.

    Raises:
        UserError: The size is too small.
    """
    if size < 32:
        raise UserError(f"a toy world scene of {size} pixels a side cannot be drawn: ask for at least 32")
    scene = _scene(seed, index)
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, 1, index))))
    light = Light.draw(rng)
    name = SCENES.names[scene]
    planted = name in lookalikes.PLANTED and rng.random() < PLANTED_SHARE
    if planted:
        camera = lookalikes.planted_camera(rng)
    else:
        camera = Camera(x=rng.uniform(0.35, 0.65), horizon=rng.uniform(*_HORIZONS[name]), height=rng.uniform(1.7, 2.6))
    stage = Stage(Canvas(size), camera, light, rng)
    _PAINTERS[name](stage, planted)
    if planted:
        lookalikes.plant(stage, lookalikes.PLANTED[name])
    image = _photograph(stage)
    objects, parts, materials, textures = torch.from_numpy(stage.canvas.maps)
    return Sample(
        image=torch.from_numpy(image),
        objects=objects,
        parts=parts,
        materials=materials,
        textures=textures,
        scene=scene,
    )


_HORIZONS = {
    "street": (0.40, 0.52),
    "skyline": (0.52, 0.66),
    "river": (0.32, 0.42),
    "beach": (0.30, 0.42),
    "countryside": (0.32, 0.42),
    "mountain": (0.40, 0.52),
    "forest": (0.40, 0.50),
    "bedroom": (0.16, 0.24),
}


def _scene(seed: int, index: int) -> int:
    """Return a scene's kind: every group of as many scenes as kinds holds each once, in an order of its own."""
    group, position = divmod(index, len(SCENES))
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, 0, group))))
    return int(rng.permutation(len(SCENES))[position])


_NOISE = 1 << 20


@cache
def _sensor_noise() -> Floats:
    """Make a long array of white noise, from which each picture takes its own stretch."""
    rng = np.random.Generator(np.random.Philox(key=9))
    return rng.standard_normal(_NOISE, dtype=np.float32)


def _photograph(stage: Stage) -> NDArray[np.uint8]:
    """Turn the scene into the photo (3, size, size) uint8: light, exposure, white balance, blur and noise."""
    canvas, rng = stage.canvas, stage.rng
    gain = (rng.normal(1, 0.05) * rng.normal(1, 0.02, (3, 1, 1)) * rng.normal(1.05, 0.05)).astype(np.float32)
    outside = canvas.maps[0] == tag("sky", "air").object
    image = canvas.image
    image *= np.where(outside, gain, gain * stage.light.tint)
    soft = rng.uniform(0.05, 0.20)
    image = _soften(_soften(image, soft, 1), soft, 2)
    noise, count = _sensor_noise(), image.size
    start = int(rng.integers(_NOISE))
    piece = (
        noise.take(np.arange(start, start + count), mode="wrap")
        if start + count > _NOISE
        else noise[start : start + count]
    )
    image += piece.reshape(image.shape) * rng.uniform(0.003, 0.012)
    np.clip(image, 0, 1, out=image)
    image *= 255
    image += 0.5
    return image.astype(np.uint8)


def _soften(image: Floats, share: float, axis: int) -> Floats:
    """Blur along an axis: each pixel gives `share` of itself to either neighbour; edges keep what would fall out."""
    given = image * share
    soft = image - 2 * given
    ahead, behind, first, last = ([slice(None)] * 3 for _ in range(4))
    ahead[axis], behind[axis], first[axis], last[axis] = slice(1, None), slice(None, -1), slice(0, 1), slice(-1, None)
    for to, source in ((ahead, behind), (behind, ahead), (first, first), (last, last)):
        soft[tuple(to)] += given[tuple(source)]
    return soft


class ToyWorld:
    """A split of the toy world as a data set, whose samples are rendered on demand.

    Args:
        size: Side of a scene in pixels, at least 32.
        count: Number of scenes.
        split: train, val or test.

    Raises:
        UserError: An unknown split, a size below 32 or a count below 1.
    """

    labels: LabelSpace = OBJECTS
    tasks: TaskLabels = TASKS

    def __init__(self, size: int, count: int, split: str) -> None:
        if split not in SEEDS:
            raise MissingSplitError(f"the toy world has no split '{split}': take one of {', '.join(SEEDS)}")
        if size < 32:
            raise UserError(f"a toy world scene of {size} pixels a side cannot be drawn: ask for at least 32")
        if count < 1:
            raise UserError(f"a toy world of {count} scenes is empty: ask for at least 1")
        self.size, self.count, self.split = size, count, split

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        """Render scene `index`, 0..count-1.

        Raises:
            IndexError: There is no such scene.
        """
        name = self.name(index)
        sample = render(SEEDS[self.split], index, self.size)
        return Sample(**{**vars(sample), "name": name})

    def name(self, index: int) -> str:
        """Return a scene's name, such as "train/00012"."""
        if not 0 <= index < self.count:
            raise IndexError(f"scene {index} of {self.count}")
        return f"{self.split}/{index:05d}"

    def identity(self, index: int) -> str:
        """Return what a scene is: its name, which has its split."""
        return self.name(index)
