"""In a mirror image left classes become right ones: on the host and on the device, of every task."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from sceneparse.data.augment import augment
from sceneparse.data.batch import Batch
from sceneparse.data.feeding import on_device
from sceneparse.data.loader import training_batches
from sceneparse.data.mirroring import Mirror
from sceneparse.data.part_channels import part_channels
from sceneparse.data.sample import Sample
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE, LabelSpace, PartTree, TaskLabels
from sceneparse.settings import AugmentationSettings, PreprocessingSettings, SamplingSettings
from sceneparse.tasks import TruthName

OBJECTS = LabelSpace(("floor", "left shoe", "right shoe", "car"), mirror=(("left shoe", "right shoe"),))
PARTS = LabelSpace(("left door", "hood", "right door", "lace"), mirror=(("left door", "right door"),))
TASKS = TaskLabels(
    objects=OBJECTS,
    scenes=LabelSpace(("left lane", "right lane", "square"), mirror=(("left lane", "right lane"),)),
    tree=PartTree(OBJECTS, PARTS, ((), (3,), (3,), (0, 1, 2))),
    materials=LabelSpace(("warp", "weft"), mirror=(("warp", "weft"),)),
    textures=LabelSpace(("dots", "rising", "falling"), mirror=(("falling", "rising"),)),
)
SWAPS = {
    "objects": [0, 2, 1, 3, IGNORE],
    "owners": [0, 2, 1, 3, IGNORE],
    "parts": [2, 1, 0, 3, IGNORE],
    "materials": [1, 0, IGNORE],
    "textures": [0, 2, 1, IGNORE],
}
MIRRORED = AugmentationSettings(
    crop=(24, 20), scale=(1.0, 1.0), mirror=1.0, rotate=0, rotate_probability=0, blur_probability=0
)
EVERY_TASK: tuple[TruthName, ...] = ("scene", "objects", "parts", "materials", "textures")


def sample(index: int = 0) -> Sample:
    """A sample with every class of every task, and unknown pixels; its parts have an owner that can have them."""
    generator = torch.Generator().manual_seed(index)

    def random_map(classes: int) -> Tensor:
        return (torch.randint(0, classes + 1, (24, 20), generator=generator) - 1).to(torch.int16)

    image = torch.randint(0, 256, (3, 24, 20), generator=generator).to(torch.uint8)
    return Sample(
        image,
        objects=random_map(4),
        parts=random_map(4),
        owners=torch.full((24, 20), 3, dtype=torch.int16),
        materials=random_map(2),
        textures=random_map(3),
        scene=index % 3,
        name=f"{index}",
    )


def swapped(name: str, mask: Tensor) -> Tensor:
    return torch.tensor(SWAPS[name], dtype=torch.int16)[mask.long()].flip(-1)


class Pictures:
    """Samples in memory."""

    tasks = TASKS
    labels = OBJECTS

    def __len__(self) -> int:
        return 6

    def name(self, index: int) -> str:
        return f"{index}"

    def __getitem__(self, index: int) -> Sample:
        return sample(index)


class Unpaired(Pictures):
    """The same, of which nobody said what a mirror image shows."""

    tasks = TASKS.with_mirror({})
    labels = replace(OBJECTS, mirror=())


def batches(
    dataset: Pictures, augmentation: AugmentationSettings, *, whole: bool, narrow: bool = False, start: int = 0
) -> list[Batch]:
    tasks: tuple[TruthName, ...] = ("objects",) if narrow or not whole else EVERY_TASK
    found = training_batches(
        dataset, augmentation, PreprocessingSettings(), batch=3, seed=5, start=start, stop=4, workers=0, cache_mb=1,
        tasks=tasks, sampling=SamplingSettings(), whole=whole, narrow=narrow,
    )  # fmt: skip
    return [on_device(batch, torch.device("cpu"), augmentation) for batch in found]


def test_every_label_map_is_mirrored_with_its_sides_swapped() -> None:
    before = sample()
    after = augment(before, MIRRORED, (0.5,), np.random.default_rng(0), mirror=Mirror(TASKS))
    assert torch.equal(after.image, before.image.flip(-1))
    assert after.masks().keys() == before.masks().keys() == SWAPS.keys()
    for name, mask in before.masks().items():
        assert torch.equal(after.masks()[name], swapped(name, mask)), name
        assert after.masks()[name].dtype == torch.int16 and after.masks()[name].is_contiguous()
    assert [augment(sample(index), MIRRORED, (0.5,), np.random.default_rng(0), mirror=Mirror(TASKS)).scene
            for index in range(3)] == [1, 0, 2]  # fmt: skip


def test_what_is_not_mirrored_keeps_its_sides_and_mirroring_twice_does_too() -> None:
    before, mirror = sample(), Mirror(TASKS)
    after = augment(before, replace(MIRRORED, mirror=0.0), (0.5,), np.random.default_rng(0), mirror=mirror)
    for same in (after, mirror(mirror(before))):
        assert same.scene == before.scene
        assert all(torch.equal(same.masks()[name], mask) for name, mask in before.masks().items())


@pytest.mark.parametrize(
    ("whole", "narrow"), [(True, False), (True, True), (False, False), (False, True)],
    ids=["host", "host, bytes", "device", "device, bytes"],
)  # fmt: skip
def test_batches_have_the_labels_of_their_mirrored_samples(whole: bool, narrow: bool) -> None:
    some = replace(MIRRORED, mirror=0.5)
    plain = batches(Pictures(), replace(MIRRORED, mirror=0.0), whole=True)
    turned = 0
    for before, after in zip(plain, batches(Pictures(), some, whole=whole, narrow=narrow), strict=True):
        assert before.indices == after.indices
        for one, other in zip(range(3), range(3), strict=True):
            mirrored = torch.equal(after.images[other], before.images[one].flip(-1))
            assert mirrored or torch.equal(after.images[other], before.images[one])
            turned += mirrored
            for name, mask in after.maps().items():
                truth = before.maps()[name][one]
                assert torch.equal(mask[other], swapped(name, truth) if mirrored else truth), name
    assert 2 < turned < 10


def test_pairs_change_no_random_number_and_no_pixel() -> None:
    free = AugmentationSettings(crop=(16, 16), color=0.3)
    found, plain = batches(Pictures(), free, whole=True), batches(Unpaired(), free, whole=True)
    for one, other in zip(found, plain, strict=True):
        assert torch.equal(one.images, other.images) and one.indices == other.indices
        assert torch.equal(one.objects == IGNORE, other.objects == IGNORE)
    assert any(not torch.equal(one.objects, other.objects) for one, other in zip(found, plain, strict=True))


@pytest.mark.parametrize("whole", [True, False], ids=["host", "device"])
def test_a_start_in_the_middle_has_the_same_labels(whole: bool) -> None:
    some = replace(MIRRORED, mirror=0.5)
    _, _, *last = batches(Pictures(), some, whole=whole)
    for one, other in zip(last, batches(Pictures(), some, whole=whole, start=2), strict=True):
        assert torch.equal(one.images, other.images) and torch.equal(one.objects, other.objects)


def test_what_is_pasted_has_the_sides_of_its_mirror_image() -> None:
    paste = AugmentationSettings(
        crop=(24, 20), scale=(1.0, 1.0), mirror=1.0, rotate=0, rotate_probability=0, blur_probability=0,
        copy_paste=1.0, copy_paste_classes=("left shoe", "right shoe"),
    )  # fmt: skip
    from sceneparse.data.class_counts import count_classes

    dataset = Pictures()
    counts = count_classes(dataset, split="train", progress=False)
    (batch,) = training_batches(
        dataset, paste, PreprocessingSettings(), batch=4, seed=1, start=0, stop=1, workers=0, cache_mb=1, counts=counts
    )
    originals = [sample(index) for index in range(6)]
    assert isinstance(batch, Batch)
    for image, objects in zip(batch.images, batch.objects, strict=True):
        known = torch.zeros_like(objects, dtype=torch.bool)
        for one in originals:
            assert one.objects is not None
            same = (image == one.image.flip(-1)).all(dim=0)
            known |= same & (objects == swapped("objects", one.objects))
        assert known.all()


def test_what_a_mirror_image_turns_into_no_class_is_unknown_there() -> None:
    alone = LabelSpace(("left door", "hood"), mirror=(("left door", None),))
    tree = PartTree(LabelSpace(("car",)), alone, ((0, 1),))
    tasks = TaskLabels(objects=LabelSpace(("car",)), scenes=alone, tree=tree, materials=alone)
    maps = torch.tensor([[0, 1, IGNORE]]).short()
    image, car = torch.zeros(3, 1, 3, dtype=torch.uint8), torch.zeros(1, 3).short()
    for scene, turned in ((0, None), (1, 1)):
        found = Mirror(tasks)(Sample(image, objects=car, parts=maps, materials=maps, scene=scene))
        assert found.parts is not None and found.materials is not None and found.objects is not None
        assert found.parts.tolist() == found.materials.tolist() == [[IGNORE, 1, IGNORE]]
        assert found.scene == turned and found.objects.tolist() == car.tolist()
    # Its scores stand for themselves: there are no others that could.
    assert alone.mirror_image == tree.mirror_image == ()


def test_an_object_with_one_part_of_a_pair_has_none_in_a_mirror_image() -> None:
    objects = LabelSpace(("cat", "dog"))
    parts = LabelSpace(("left eye", "right eye"), mirror=(("left eye", "right eye"),))
    tree = PartTree(objects, parts, ((0, 1), (0,)))
    # The last dog's right eye is no part of it.
    owners, eyes = torch.tensor([[0, 0, 1, IGNORE, 1]]).short(), torch.tensor([[0, 1, 0, 0, 1]]).short()
    found = Mirror(TaskLabels(objects, tree=tree))(
        Sample(torch.zeros(3, 1, 5, dtype=torch.uint8), objects=owners, parts=eyes)
    )
    assert found.objects is not None and found.objects.tolist() == [[1, IGNORE, 1, 0, 0]]
    assert found.parts is not None and found.parts.tolist() == [[IGNORE, 1, IGNORE, 0, 1]]
    # Channels: cat nothing, left, right; dog nothing, left.
    assert tree.mirror_image == (0, 2, 1, 3, 4)


def test_channels_of_a_mirrored_picture_are_the_mirror_images_of_its_channels() -> None:
    before, after, tree = sample(), Mirror(TASKS)(sample()), TASKS.tree
    assert tree is not None and sorted(tree.mirror_image) == list(range(len(tree.channels)))
    for owner in ("owners", "objects"):
        channels = part_channels(before.masks()[owner], before.masks()["parts"], tree)
        order = torch.tensor([*tree.mirror_image, IGNORE], dtype=torch.int16)
        if owner == "objects":
            after = Mirror(TASKS)(replace(before, owners=None))
        turned = part_channels(after.masks()[owner], after.masks()["parts"], tree)
        assert torch.equal(turned, order[channels.long()].flip(-1)), owner


def test_a_pair_of_objects_with_other_parts_is_refused() -> None:
    with pytest.raises(UserError, match="'left shoe' and 'right shoe' are a mirror pair, but can have other parts"):
        PartTree(OBJECTS, PARTS, ((), (3,), (), (0, 1, 2)))
