"""Training samples that favour rare classes: alike in any number of processes, from any start, and as they are said."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from sceneparse.data.augmenter import Augmented, Augmenter
from sceneparse.data.batch import Batch
from sceneparse.data.class_changes import ClassChanges
from sceneparse.data.class_counts import ClassCounts, count_classes
from sceneparse.data.loader import training_batches
from sceneparse.data.mixture import Mixture, Source
from sceneparse.data.sample import DataSet, Sample
from sceneparse.data.sampling import stream
from sceneparse.data.single_task import SplitAnnotation
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE, LabelSpace, TaskLabels
from sceneparse.settings import AugmentationSettings, PreprocessingSettings, SamplingSettings
from sceneparse.tasks import TRUTH_NAMES

LABELS = LabelSpace(("ground", "wall", "pole"))
POLE = 2
CROP = AugmentationSettings(crop=(16, 20), scale=(1.0, 1.6))


class Streets:
    """Pictures of ground with a wall; every fourth has a small pole in a corner. Materials are the objects plus one."""

    labels = LABELS
    tasks = TaskLabels(LABELS, materials=LabelSpace(("a", "b", "c", "d")))

    def __init__(self, count: int = 12, offset: int = 0) -> None:
        self.count, self.offset = count, offset

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        index += self.offset
        generator = torch.Generator().manual_seed(index)
        image = torch.randint(0, 256, (3, 40, 48), generator=generator, dtype=torch.uint8)
        objects = torch.zeros(40, 48, dtype=torch.int16)
        objects[:2] = IGNORE
        objects[2:, 30:] = 1
        if index % 4 == 3:
            objects[36:, 2:5] = POLE
            image[:, 36:, 2:5] = 255
        return Sample(image, objects, materials=objects + 1, name=f"{index:02}", path=f"{index}.png")

    def name(self, index: int) -> str:
        return f"{index + self.offset:02}"


def counts_of(dataset: DataSet) -> ClassCounts:
    return count_classes(dataset, split="train")


def batches(
    dataset: DataSet,
    augmentation: AugmentationSettings,
    sampling: SamplingSettings,
    start: int = 0,
    stop: int = 6,
    **how: Any,
) -> list[Batch]:
    settings: dict[str, Any] = {"batch": 4, "seed": 5, "workers": 0, "cache_mb": 1, "counts": counts_of(dataset)}
    found = training_batches(
        dataset, augmentation, PreprocessingSettings(), sampling=sampling, start=start, stop=stop,
        **(settings | how),
    )  # fmt: skip
    return [one for one in found if isinstance(one, Batch)]


def same(one: list[Batch], other: list[Batch]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(a.images, b.images) and torch.equal(a.objects, b.objects) and a.indices == b.indices
        for a, b in zip(one, other, strict=True)
    )


SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "cat_max_ratio": ({"cat_max_ratio": 0.6}, {}),
    "photometric": ({"photometric": True}, {}),
    "ratio_range": ({"scale": (0.5, 2.0), "short": (24, 32), "max_long": 60, "ratio_range": (0.5, 1.5)}, {}),
    "repeat_threshold": ({}, {"repeat_threshold": 1.0}),
    "rare_crops": ({}, {"rare_crops": 0.7, "temperature": 0.1}),
    "copy_paste": ({"copy_paste": 0.7, "copy_paste_classes": ("pole", "wall")}, {}),
    "copy_paste_regions": ({"copy_paste": 0.9, "copy_paste_regions": True}, {"temperature": 0.5}),
    "all": (
        {"cat_max_ratio": 0.75, "photometric": True, "copy_paste": 0.5},
        {"repeat_threshold": 1.0, "rare_crops": 0.5},
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_workers_processes_and_a_late_start_change_no_pixel(name: str) -> None:
    changes, draws = SETTINGS[name]
    settings = replace(CROP, **changes), SamplingSettings(**draws)
    alone = batches(Streets(), *settings)
    assert not same(alone, batches(Streets(), CROP, SamplingSettings())), "the setting does nothing"
    assert same(alone, batches(Streets(), *settings, workers=2, cache_mb=0))
    assert same(alone[3:], batches(Streets(), *settings, start=3, workers=1))
    for one, left, right in zip(
        alone, *(batches(Streets(), *settings, rank=rank, world=2) for rank in (0, 1)), strict=True
    ):
        assert torch.equal(one.images, torch.cat([left.images, right.images]))
    assert not same(alone, batches(Streets(), *settings, seed=6))


def test_without_the_settings_counts_change_nothing_and_are_not_needed() -> None:
    assert same(batches(Streets(), CROP, SamplingSettings()), batches(Streets(), CROP, SamplingSettings(), counts=None))


def test_pictures_of_rare_classes_are_drawn_as_often_as_their_factors_say() -> None:
    sampling = SamplingSettings(repeat_threshold=1.0)
    drawn = Counter(i for batch in batches(Streets(), CROP, sampling, 0, 30, batch=15) for i in batch.indices)
    # Poles stand in a quarter of the pictures: sqrt(1 / 0.25) = 2 times an epoch; 3 of 12, so 15 draws an epoch.
    assert drawn == {index: 30 * (2 if index % 4 == 3 else 1) for index in range(12)}


def test_crops_are_laid_over_the_rare_class_of_their_picture() -> None:
    often = {}
    for probability in (0.0, 0.5, 1.0):
        rows = batches(Streets(), CROP, SamplingSettings(rare_crops=probability), 0, 60)
        poles = [
            bool((objects == POLE).any())
            for batch in rows
            for index, objects in zip(batch.indices, batch.objects, strict=True)
            if index % 4 == 3
        ]
        often[probability] = sum(poles) / len(poles)
    assert often[1.0] == 1 and often[0.0] < often[0.5] < 1


def test_rare_classes_of_all_kinds_of_data_sets_are_favoured() -> None:
    def poles(dataset: DataSet, sampling: SamplingSettings) -> float:
        rows = batches(dataset, CROP, sampling, 0, 40, tasks=TRUTH_NAMES)
        return float(np.mean([[bool((one == POLE).any()) for one in batch.objects] for batch in rows]))

    other = Source("two", Streets(8, offset=4), weight=1.0)
    mixture = Mixture([Source("one", Streets(), weight=3.0), other], "mixed")
    changed = ClassChanges(mixture, {"wall": "fence"}, "the mixture")
    for dataset in (mixture, changed, SplitAnnotation(Streets(24), "mixed")):
        plain, favoured = (
            poles(dataset, SamplingSettings(repeat_threshold=threshold, rare_crops=crops))
            for threshold, crops in ((0.0, 0.0), (1.0, 1.0))
        )
        assert favoured > 1.5 * plain, dataset


def test_a_mixture_of_changed_classes_is_drawn_by_its_weights() -> None:
    mixture = Mixture([Source("one", Streets(6), weight=9.0), Source("two", Streets(6, offset=4), weight=1.0)], "mixed")
    changed = ClassChanges(mixture, {"wall": "fence"}, "the mixture")
    names = Counter(
        name.split("/")[0] for batch in batches(changed, CROP, SamplingSettings(), 0, 50) for name in batch.names
    )
    assert names["one"] / names.total() > 0.8


def made(augmentation: AugmentationSettings, sampling: SamplingSettings, index: int, number: int = 0) -> Augmented:
    dataset = Streets()
    augmenter = Augmenter(dataset.__getitem__, augmentation, sampling, (0.5,), counts_of(dataset))
    return augmenter(index, lambda purpose: stream(1, purpose, number, index))


def test_what_is_pasted_comes_from_another_sample_that_shows_it() -> None:
    settings = replace(CROP, copy_paste=1.0, copy_paste_classes=("pole",))
    donors = set()
    for number in range(30):
        found = made(settings, SamplingSettings(), 3, number)
        assert found.donor is not None and found.pasted == (POLE,)
        donors.add(found.donor)
        assert found.sample.objects is not None and found.sample.materials is not None
        poles = found.sample.objects == POLE
        assert poles.any() and (found.sample.materials[poles] == POLE + 1).all()
    assert donors == {7, 11}, "the sample itself shows one too"


def test_rare_classes_are_pasted_where_none_is_named() -> None:
    pasted = Counter(
        name
        for number in range(40)
        for name in made(replace(CROP, copy_paste=1.0), SamplingSettings(temperature=0.1), 0, number).pasted
    )
    assert pasted[POLE] > 20 and 0 not in pasted


def test_how_a_sample_came_about_is_said() -> None:
    plain = made(CROP, SamplingSettings(), 3)
    assert (plain.rare, plain.donor, plain.pasted) == (None, None, ())
    assert made(CROP, SamplingSettings(rare_crops=1.0), 3).rare == POLE
    assert made(CROP, SamplingSettings(rare_crops=1.0), 0).rare == 1, "the rarest that it shows"


def test_a_picture_that_lost_its_last_other_donor_is_its_own() -> None:
    dataset = Streets(4)
    settings = replace(CROP, copy_paste=1.0, copy_paste_classes=("pole",))
    augmenter = Augmenter(dataset.__getitem__, settings, SamplingSettings(), (0.5,), counts_of(dataset))
    assert augmenter(3, lambda purpose: stream(1, purpose, 0, 3)).donor == 3


def test_classes_that_cannot_be_pasted_are_refused() -> None:
    with pytest.raises(UserError, match=r"copy_paste_classes: the training split has no class 'pol' \(did you mean"):
        batches(Streets(), replace(CROP, copy_paste=1.0, copy_paste_classes=("pol",)), SamplingSettings())
    with pytest.raises(UserError, match="no picture of the training split shows pole: name others"):
        batches(Streets(3), replace(CROP, copy_paste=1.0, copy_paste_classes=("pole",)), SamplingSettings())


def test_counts_of_another_data_set_are_refused() -> None:
    with pytest.raises(UserError, match=r"class_counts.json is of 3 samples and 3 classes, but the .* has 12 samples"):
        batches(Streets(), CROP, SamplingSettings(rare_crops=0.5), counts=counts_of(Streets(3)))
