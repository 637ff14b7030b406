"""Changes of colour are those that were published, but for the rounding to whole numbers after each."""

import colorsys
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sceneparse.data.augment import augment
from sceneparse.data.photometric import Photometric
from sceneparse.data.sample import Sample
from sceneparse.settings import AugmentationSettings

PLAIN = AugmentationSettings(
    crop=None, scale=(1, 1), mirror=0, rotate=0, rotate_probability=0, blur_probability=0, photometric=True
)


def published(image: NDArray[np.float64], change: Photometric) -> NDArray[np.float64]:
    """`PhotoMetricDistortion.transform` of MMSegmentation 1.2 in float64, (H, W, 3) in 0..255, a pixel at a time."""
    changed = image.copy()
    for place in np.ndindex(*image.shape[:2]):
        pixel = image[place] / 255
        if change.brightness is not None:
            pixel = np.clip(pixel + change.brightness / 255, 0, 1)
        if change.contrast is not None and change.contrast_first:
            pixel = np.clip(pixel * change.contrast, 0, 1)
        hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
        if change.saturation is not None:
            saturation = min(1.0, saturation * change.saturation)
        if change.hue is not None:
            hue = (hue + change.hue / 360) % 1
        pixel = np.array(colorsys.hsv_to_rgb(hue, saturation, value))
        if change.contrast is not None and not change.contrast_first:
            pixel = np.clip(pixel * change.contrast, 0, 1)
        changed[place] = pixel * 255
    return changed


def picture() -> NDArray[np.uint8]:
    """Random colours, greys, and the corners of the cube of colours."""
    generator = np.random.default_rng(0)
    colors = generator.integers(0, 256, (10, 11, 3)).astype(np.uint8)
    colors[0] = generator.integers(0, 256, (11, 1))
    colors[1, :8] = np.array(list(product((0, 255), repeat=3)))
    return colors


@pytest.mark.parametrize("made", list(product((False, True), repeat=4)))
@pytest.mark.parametrize("first", [False, True])
def test_each_combination_of_changes_is_the_published_one(made: tuple[bool, ...], first: bool) -> None:
    values = (-21.5, 1.37, 1.44, -34)
    brightness, contrast, saturation, hue = (v if on else None for v, on in zip(values, made, strict=True))
    change = Photometric(brightness, contrast, first, saturation, None if hue is None else int(hue))
    before = picture()
    after = change(torch.from_numpy(before).permute(2, 0, 1).float().contiguous()).permute(1, 2, 0)
    assert np.abs(after.numpy() - published(before.astype(np.float64), change)).max() < 1e-3


def test_the_changes_of_a_sample_are_the_published_ones_rounded_once() -> None:
    before = picture()
    for seed in range(10):
        numbers = np.random.default_rng(seed).random(42).tolist()[13:22]
        image = torch.from_numpy(before).permute(2, 0, 1).contiguous()
        after = augment(Sample(image), PLAIN, (0.5,), np.random.default_rng(seed)).image.permute(1, 2, 0).numpy()
        expected = published(before.astype(np.float64), Photometric.drawn(numbers))
        assert np.abs(after - expected).max() <= 0.501


def test_each_change_is_made_half_the_time_within_its_range() -> None:
    generator = np.random.default_rng(0)
    drawn = [Photometric.drawn(generator.random(Photometric.NUMBERS).tolist()) for _ in range(4000)]
    for name, low, high in (
        ("brightness", -32, 32),
        ("contrast", 0.5, 1.5),
        ("saturation", 0.5, 1.5),
        ("hue", -36, 34),
    ):
        values = [value for one in drawn if (value := getattr(one, name)) is not None]
        assert abs(len(values) / len(drawn) - 0.5) < 0.04
        assert low <= min(values) < low + (high - low) * 0.02 and high - (high - low) * 0.02 < max(values) <= high
    assert {one.hue for one in drawn if one.hue is not None} == set(range(-36, 36, 2))
    assert abs(sum(one.contrast_first for one in drawn) / len(drawn) - 0.5) < 0.04
    # Whether one is made says nothing of another.
    both = sum(one.hue is not None and one.contrast is not None for one in drawn) / len(drawn)
    assert abs(both - 0.25) < 0.04


def test_pictures_of_other_channels_and_label_maps_stay() -> None:
    for channels in (1, 4):
        image = torch.randint(0, 256, (channels, 9, 9), dtype=torch.uint8)
        objects = torch.ones(9, 9, dtype=torch.int16)
        after = augment(Sample(image, objects), PLAIN, (0.5,), np.random.default_rng(0))
        assert torch.equal(after.image, image) and after.objects is not None and torch.equal(after.objects, objects)
    off = replace(PLAIN, photometric=False)
    color = torch.randint(0, 256, (3, 9, 9), dtype=torch.uint8)
    assert torch.equal(augment(Sample(color), off, (0.5,), np.random.default_rng(0)).image, color)
