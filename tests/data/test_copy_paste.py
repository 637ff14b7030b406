"""Copy-paste: pixels of chosen classes with their labels, and what is not known of them stays unknown."""

import numpy as np
import pytest
import torch
from torch import Tensor

from sceneparse.data.copy_paste import pasted, to_paste
from sceneparse.data.part_channels import part_channels
from sceneparse.data.sample import Sample
from sceneparse.labels import IGNORE, LabelSpace, PartTree

HOUSE, CAR, SKY = range(3)
DOOR, WHEEL = range(2)


def full(value: int, size: tuple[int, int] = (6, 8)) -> Tensor:
    return torch.full(size, value, dtype=torch.int16)


def scene(value: int, object_: int, size: tuple[int, int] = (6, 8)) -> Sample:
    return Sample(torch.full((3, *size), value, dtype=torch.uint8), full(object_, size), scene=4, name="a", path="p")


def donor_with_car() -> Sample:
    donor = scene(200, SKY)
    assert donor.objects is not None
    donor.objects[1:3, 2:5] = CAR
    donor.objects[5, 7] = CAR
    return donor


def test_pixels_and_labels_of_the_chosen_classes_alone_are_pasted() -> None:
    sample, donor = scene(10, HOUSE), donor_with_car()
    assert donor.objects is not None and sample.objects is not None
    chosen = to_paste(donor.objects, [CAR], None)
    after = pasted(sample, donor, chosen)
    assert after.objects is not None
    assert torch.equal(after.objects == CAR, chosen) and (after.objects[~chosen] == HOUSE).all()
    assert (after.image[:, chosen] == 200).all() and (after.image[:, ~chosen] == 10).all()
    assert (after.scene, after.name, after.path) == (4, "a", "p")
    assert (sample.image == 10).all() and (sample.objects == HOUSE).all()


def test_each_connected_region_is_pasted_half_the_time_and_never_in_part() -> None:
    donor = donor_with_car()
    assert donor.objects is not None
    seen = set()
    for seed in range(40):
        chosen = to_paste(donor.objects, [CAR], np.random.default_rng(seed))
        block, corner = chosen[1:3, 2:5], chosen[5, 7]
        assert block.all() or not block.any()
        assert int(chosen.sum()) == 6 * bool(block.all()) + int(corner)
        seen.add((bool(block.all()), bool(corner)))
    assert len(seen) == 4


def test_materials_are_pasted_and_unknown_where_the_donor_has_none() -> None:
    sample, donor = scene(10, HOUSE), donor_with_car()
    assert donor.objects is not None
    chosen = donor.objects == CAR
    sample = sample.with_images(sample.image, {"materials": full(3), "textures": full(1)})
    donor = donor.with_images(donor.image, {"materials": full(5)})
    after = pasted(sample, donor, chosen)
    assert after.materials is not None and after.textures is not None
    assert (after.materials[chosen] == 5).all() and (after.materials[~chosen] == 3).all()
    assert (after.textures[chosen] == IGNORE).all() and (after.textures[~chosen] == 1).all()
    assert pasted(scene(10, HOUSE), donor, chosen).materials is None


@pytest.mark.parametrize("annotated", ["sample", "donor"])
def test_parts_of_one_picture_make_no_pixel_of_the_other_no_part(annotated: str) -> None:
    objects, parts = LabelSpace(("house", "car", "sky")), LabelSpace(("door", "wheel"))
    tree = PartTree(objects, parts, ((DOOR,), (WHEEL,), ()))
    sample, donor = scene(10, CAR), donor_with_car()
    own, theirs = full(IGNORE), full(IGNORE)
    if annotated == "sample":
        own[0, 0] = WHEEL
    else:
        theirs[1, 2] = WHEEL
    assert donor.objects is not None
    chosen = donor.objects == CAR
    after = pasted(
        sample.with_images(sample.image, {"parts": own}), donor.with_images(donor.image, {"parts": theirs}), chosen
    )
    assert after.owners is not None and after.parts is not None and after.objects is not None
    known = part_channels(after.owners, after.parts, tree)
    assert (known[chosen] == IGNORE).all()
    # Of the sample's own car all is known as before: a wheel and "no part", or nothing.
    assert (known[~chosen] != IGNORE).all() == (annotated == "sample")
    assert (after.objects[chosen] == CAR).all()


def test_pictures_of_other_sizes_overlap_in_the_corner() -> None:
    donor = donor_with_car()
    assert donor.objects is not None
    chosen = donor.objects == CAR
    for size, pixels in (((4, 4), 4), ((20, 20), 7)):
        after = pasted(scene(10, HOUSE, size), donor, chosen)
        assert after.objects is not None and after.size == size
        assert int((after.objects == CAR).sum()) == int((after.image[0] == 200).sum()) == pixels
