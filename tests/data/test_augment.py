from dataclasses import replace

import numpy as np
import pytest
import torch

from sceneparse.data.augment import augment, padded
from sceneparse.data.sample import Sample
from sceneparse.labels import IGNORE
from sceneparse.settings import AugmentationSettings

MEAN = (0.5, 0.25, 0.75)
NOTHING = AugmentationSettings(
    crop=None, scale=(1.0, 1.0), mirror=0, rotate=0, rotate_probability=0, blur_probability=0, color=0
)
EVERYTHING = AugmentationSettings(
    crop=(40, 52), scale=(0.5, 2.0), mirror=0.5, rotate=10, rotate_probability=1, blur_probability=1, color=0.4
)


def sample(height: int = 60, width: int = 80, channels: int = 3) -> Sample:
    """A picture whose red and green say where each pixel is, and a mask whose class says in which block of 8x8."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    image = torch.stack([y * 3, x * 3, y + x] * channels)[:channels].to(torch.uint8)
    mask = (y // 8 * 10 + x // 8).to(torch.int16)
    return Sample(image=image, objects=mask, parts=mask + 100, scene=3, name="a", path="a.png")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_nothing_asked_changes_nothing() -> None:
    before = sample()
    after = augment(before, NOTHING, MEAN, rng())
    assert after.objects is not None and before.objects is not None
    assert torch.equal(after.image, before.image) and torch.equal(after.objects, before.objects)
    assert (after.name, after.path, after.scene) == ("a", "a.png", 3)


def test_every_crop_has_the_crop_size_and_the_right_types() -> None:
    for seed in range(50):
        for size in ((60, 80), (17, 200), (1, 1), (300, 30)):
            after = augment(sample(*size), EVERYTHING, MEAN, rng(seed))
            assert after.image.shape == (3, 40, 52) and after.image.dtype == torch.uint8
            for mask in after.masks().values():
                assert mask.shape == (40, 52) and mask.dtype == torch.int16


def test_masks_hold_only_classes_of_the_original_or_ignore_and_stay_together() -> None:
    before = sample()
    allowed = {IGNORE, *torch.unique(before.masks()["objects"]).tolist()}
    for seed in range(50):
        masks = augment(before, EVERYTHING, MEAN, rng(seed)).masks()
        assert set(torch.unique(masks["objects"]).tolist()) <= allowed
        known = masks["objects"] != IGNORE
        assert torch.equal(known, masks["parts"] != IGNORE)
        assert torch.equal(masks["parts"][known], masks["objects"][known] + 100)


@pytest.mark.parametrize("rotate", [0.0, 10.0, 90.0, 180.0])
def test_picture_and_mask_stay_aligned(rotate: float) -> None:
    settings = replace(EVERYTHING, rotate=rotate, rotate_probability=float(rotate > 0), blur_probability=0, color=0)
    wrong = total = 0
    for seed in range(40):
        after = augment(sample(), settings, MEAN, rng(seed))
        y, x = after.image[0].float() / 3, after.image[1].float() / 3
        mask = after.masks()["objects"]
        # Pixels near a block's border may fall on either side of it; those inside must agree with the colours.
        inside = ((y + 0.5) % 8 - 4).abs().lt(2.4) & ((x + 0.5) % 8 - 4).abs().lt(2.4) & (mask != IGNORE)
        # An edge of the picture is mixed with the fill colour by a rotation.
        inside &= (y > 3) & (y < 56) & (x > 3) & (x < 76) & ((after.image[2] - y - x).abs() < 1.5)
        expected = (y + 0.5).div(8, rounding_mode="floor") * 10 + (x + 0.5).div(8, rounding_mode="floor")
        wrong += int((mask[inside] != expected[inside]).sum())
        total += int(inside.sum())
    assert total > 5000 and wrong <= 0.002 * total


def test_what_the_picture_does_not_cover_is_mean_colour_and_ignored() -> None:
    settings = replace(NOTHING, crop=(100, 120))
    after = augment(sample(), settings, MEAN, rng())
    outside = after.masks()["objects"] == IGNORE
    assert int((~outside).sum()) == 60 * 80
    assert after.image[:, outside].unique(dim=1).squeeze(1).tolist() == [128, 64, 191]


def test_rotation_fills_corners_with_mean_colour_and_ignore() -> None:
    settings = replace(NOTHING, rotate=45, rotate_probability=1)
    for seed in range(20):
        after = augment(sample(64, 64), settings, MEAN, rng(seed))
        if after.masks()["objects"][0, 0] == IGNORE:
            assert after.image[:, 0, 0].tolist() == [128, 64, 191]
            return
    raise AssertionError("no rotation reached a corner")


def test_a_rotated_crop_inside_a_large_picture_has_no_filled_corners() -> None:
    settings = replace(NOTHING, crop=(40, 40), rotate=10, rotate_probability=1)
    filled = [
        bool((augment(sample(72, 84), settings, MEAN, rng(seed)).masks()["objects"] == IGNORE).any())
        for seed in range(200)
    ]
    assert 0 < sum(filled) < 160


def test_mirror_turns_picture_and_masks_over() -> None:
    before = sample()
    after = augment(before, replace(NOTHING, mirror=1.0), MEAN, rng())
    assert torch.equal(after.image, before.image.flip(-1))
    assert torch.equal(after.masks()["objects"], before.masks()["objects"].flip(-1))


def test_scale_changes_the_size_of_things() -> None:
    block = torch.zeros(101, 101, dtype=torch.int16)
    block[41:60, 41:60] = 1
    before = Sample(image=block.to(torch.uint8).expand(3, -1, -1), objects=block)
    for scale in (2.0, 0.5):
        settings = replace(NOTHING, crop=(101, 101), scale=(scale, scale))
        # A crop may cut the block; the largest of several shows it whole.
        shown = max(
            int((augment(before, settings, MEAN, rng(seed)).masks()["objects"] == 1).sum()) for seed in range(20)
        )
        assert shown == pytest.approx((19 * scale) ** 2, rel=0.15)


def test_blur_smooths_without_a_shift_and_leaves_masks_alone() -> None:
    image = torch.full((3, 21, 21), 50, dtype=torch.uint8)
    image[:, 10, 10] = 250
    before = Sample(image=image, objects=torch.zeros(21, 21, dtype=torch.int16))
    after = augment(before, replace(NOTHING, blur_probability=1), MEAN, rng(3))
    assert 50 < after.image[0, 10, 10] < 250
    assert after.image[0, 10, 9] == after.image[0, 10, 11] == after.image[0, 9, 10] > 50
    assert after.image[0, 0, 0] == 50
    assert torch.equal(after.masks()["objects"], before.masks()["objects"])


def test_colour_changes_pictures_of_three_channels_only() -> None:
    settings = replace(NOTHING, color=0.5)
    assert not torch.equal(augment(sample(), settings, MEAN, rng()).image, sample().image)
    for channels in (1, 4):
        after = augment(sample(channels=channels), settings, (0.5,), rng())
        assert torch.equal(after.image, sample(channels=channels).image)


def test_saturation_leaves_grey_pictures_grey() -> None:
    grey = sample().image[:1].expand(3, -1, -1)
    after = augment(Sample(image=grey), replace(NOTHING, color=0.5), MEAN, rng(2)).image
    assert torch.equal(after[0], after[1]) and torch.equal(after[1], after[2])


def test_chance_is_drawn_equally_whatever_happens() -> None:
    for settings in (NOTHING, EVERYTHING, replace(EVERYTHING, blur_probability=0.5)):
        generator = rng(7)
        augment(sample(), settings, MEAN, generator)
        other = rng(7)
        augment(sample(33, 44), NOTHING, MEAN, other)
        assert generator.random() == other.random()


def test_the_original_is_never_changed() -> None:
    before = sample()
    image, mask = before.image.clone(), before.masks()["objects"].clone()
    for seed in range(10):
        augment(before, EVERYTHING, MEAN, rng(seed))
    assert torch.equal(before.image, image) and torch.equal(before.masks()["objects"], mask)


SHORT = replace(NOTHING, short=(20, 30, 40), max_long=50)


def test_pictures_are_brought_to_one_of_the_short_sides_and_keep_their_shape() -> None:
    sizes = {augment(sample(60, 80), SHORT, MEAN, rng(seed)).size for seed in range(40)}
    assert sizes == {(20, 27), (30, 40), (38, 50)}  # the last would be 40 by 53, but its long side is bounded
    assert {size[1] for size in (augment(sample(80, 60), SHORT, MEAN, rng(seed)).size for seed in range(9))} <= {
        20,
        30,
        38,
    }


def test_a_short_side_and_a_crop_cut_a_window_of_the_resized_picture() -> None:
    after = augment(sample(60, 80), replace(SHORT, crop=(16, 16)), MEAN, rng(1))
    assert after.size == (16, 16)


def test_a_sample_is_filled_up_below_and_to_the_right() -> None:
    after = padded(sample(20, 30), (24, 32), MEAN)
    assert torch.equal(after.image[:, :20, :30], sample(20, 30).image)
    assert after.image[:, 23, 31].tolist() == [128, 64, 191]
    assert after.objects is not None and after.parts is not None
    assert (after.objects[20:] == IGNORE).all() and (after.parts[:, 30:] == IGNORE).all()
