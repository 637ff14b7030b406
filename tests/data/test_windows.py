"""Where crops lie: over a pixel whatever scale and rotation, and where no class prevails, as MMSegmentation has it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sceneparse.data.augment import augment
from sceneparse.data.sample import Sample
from sceneparse.data.windows import TRIES, Frame, pixel_of
from sceneparse.labels import IGNORE
from sceneparse.settings import AugmentationSettings

MEAN = (0.5, 0.5, 0.5)
PLAIN = AugmentationSettings(
    crop=(40, 52), scale=(1, 1), mirror=0, rotate=0, rotate_probability=0, blur_probability=0, color=0
)


def sample(objects: torch.Tensor) -> Sample:
    return Sample(torch.zeros(3, *objects.shape, dtype=torch.uint8), objects=objects)


def published(objects: np.ndarray, crop: tuple[int, int], tops_lefts: list[tuple[int, int]], most: float) -> int:
    """Which of the windows `RandomCrop.crop_bbox` of MMSegmentation 1.2 takes, its draws given."""
    chosen = 0
    for _ in range(10):
        top, left = tops_lefts[chosen]
        labels, cnt = np.unique(objects[top : top + crop[0], left : left + crop[1]], return_counts=True)
        cnt = cnt[labels != IGNORE]
        if len(cnt) > 1 and np.max(cnt) / np.sum(cnt) < most:
            break
        chosen += 1
    return chosen


@pytest.mark.parametrize("most", [0.5, 0.75, 0.9])
def test_the_crop_is_the_one_that_mmsegmentation_takes(most: float) -> None:
    generator = np.random.default_rng(1)
    chosen = set()
    for _ in range(60):
        blocks = generator.choice([IGNORE, 0, 1, 2], (6, 7), p=[0.2, 0.6, 0.15, 0.05]).astype(np.int16)
        objects = blocks.repeat(11, 0).repeat(13, 1)
        frame = Frame(objects.shape, objects.shape, (24, 30), 0.0)
        firsts = [frame.anywhere((one, other)) for one, other in generator.random((TRIES + 1, 2)).tolist()]
        found = frame.balanced(torch.from_numpy(objects), iter(firsts), most)
        number = published(objects, (24, 30), firsts, most)
        assert found == firsts[number]
        chosen.add(number)
    assert len(chosen) > 2


def test_no_class_prevails_where_that_can_be_avoided() -> None:
    objects = torch.zeros(200, 200, dtype=torch.int16)
    objects[60:140, 60:140] = 1
    objects[:30] = IGNORE
    shares = {}
    for most in (1.0, 0.75):
        settings = replace(PLAIN, scale=(0.7, 1.4), cat_max_ratio=most)
        largest = []
        for seed in range(60):
            seen = augment(sample(objects), settings, MEAN, np.random.default_rng(seed)).objects
            assert seen is not None
            counts = torch.bincount(seen[seen != IGNORE].long())
            largest.append(float(counts.max() / counts.sum()))
        shares[most] = sum(share < 0.75 for share in largest) / len(largest)
    assert shares[1.0] < 0.5 and shares[0.75] > 0.95


def test_a_sample_without_objects_is_cropped_as_ever() -> None:
    materials = torch.zeros(80, 80, dtype=torch.int16)
    only = Sample(torch.arange(6400).reshape(1, 80, 80).to(torch.uint8), materials=materials)
    plain, balanced = (
        augment(only, replace(PLAIN, cat_max_ratio=most), (0.5,), np.random.default_rng(0)) for most in (1.0, 0.5)
    )
    assert torch.equal(plain.image, balanced.image)


@pytest.mark.parametrize("rotate", [0.0, 10.0, 180.0])
@pytest.mark.parametrize("scale", [(0.5, 0.8), (1.0, 1.0), (1.5, 4.0)])
def test_a_crop_over_a_class_holds_a_pixel_of_it(rotate: float, scale: tuple[float, float]) -> None:
    settings = replace(PLAIN, scale=scale, rotate=rotate, rotate_probability=float(rotate > 0), mirror=0.5)
    generator = np.random.default_rng(2)
    for seed in range(60):
        objects = torch.zeros(150, 170, dtype=torch.int16)
        # Large enough not to be lost where the picture is made smaller; it may lie in a corner.
        top, left = generator.choice([0, 1, 70, 146]), generator.choice([0, 1, 90, 166])
        objects[top : top + 4, left : left + 4] = 7
        seen = augment(sample(objects), settings, MEAN, np.random.default_rng(seed), 7).objects
        assert seen is not None and seen.shape == (40, 52)
        assert (seen == 7).any(), (seed, top, left)


def test_crops_over_a_pixel_lie_anywhere_around_it() -> None:
    frame = Frame((100, 100), (100, 100), (20, 30), 0.0)
    generator = np.random.default_rng(0)
    firsts = [frame.over((50, 5), (one, other)) for one, other in generator.random((2000, 2)).tolist()]
    rows, columns = ({first[axis] for first in firsts} for axis in (0, 1))
    # One pixel off the crop's border, which is what rounding may take.
    assert rows == set(range(32, 50)) and columns == set(range(5))
    small = Frame((10, 10), (10, 10), (20, 30), 0.0)
    assert small.over((3, 9), (0.9, 0.1)) == small.anywhere((0.9, 0.1)) == (-5, -10)


def test_a_class_that_is_not_there_leaves_the_crop_where_it_was() -> None:
    objects = torch.arange(120 * 130).reshape(120, 130).remainder(5).to(torch.int16)
    one, other = (augment(sample(objects), PLAIN, MEAN, np.random.default_rng(3), over) for over in (None, 9))
    assert one.objects is not None and other.objects is not None and torch.equal(one.objects, other.objects)


def test_every_pixel_of_a_class_can_be_drawn() -> None:
    objects = torch.tensor([[0, 1, 1], [1, 0, 0]], dtype=torch.int16)
    assert [pixel_of(objects, 1, position) for position in (0.0, 0.34, 0.99)] == [(0, 1), (0, 2), (1, 0)]
    assert pixel_of(objects, 2, 0.5) is None


def test_ratio_range_scales_the_short_side_and_the_bound_as_mmsegmentations_random_resize() -> None:
    settings = replace(PLAIN, crop=None, short=(64,), max_long=100, ratio_range=(0.5, 2.0))
    for size in ((60, 80), (90, 50), (40, 120)):
        sizes = set()
        for seed in range(40):
            height, width = augment(sample(torch.zeros(size, dtype=torch.int16)), settings, MEAN, rng(seed)).size
            # mmcv.rescale_size of (100 * ratio, 64 * ratio): the smaller of the two factors.
            ratio = 0.5 + 1.5 * float(rng(seed).random(12)[11])
            factor = min(100 * ratio / max(size), 64 * ratio / min(size))
            assert abs(height - size[0] * factor) <= 0.5 and abs(width - size[1] * factor) <= 0.5
            sizes.add((height, width))
        assert len(sizes) > 20


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)
