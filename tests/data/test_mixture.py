"""Mixtures: shared label spaces, and drawing by weight that needs no memory of the past."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sceneparse.data.batch import Batch
from sceneparse.data.loader import training_batches
from sceneparse.data.mixture import Mixture, Source
from sceneparse.data.sample import Sample
from sceneparse.data.sampling import mixed_draws
from sceneparse.datasets.opening import open_dataset
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE, LabelSpace, PartTree, TaskLabels
from sceneparse.recipes import read_recipe
from sceneparse.settings import (
    AugmentationSettings,
    DataSettings,
    PreprocessingSettings,
    SourceSettings,
    ToyWorldSettings,
)
from sceneparse.tasks import TRUTH_NAMES

STREET = LabelSpace(("Sky", "Car", "Road"))
THINGS = LabelSpace(("car", "house"))
PARTS = LabelSpace(("left wheel", "right wheel", "roof"))


class Given:
    """Samples in memory, all alike."""

    def __init__(self, tasks: TaskLabels, sample: Sample, count: int = 4) -> None:
        self.tasks, self.sample, self.count = tasks, sample, count

    @property
    def labels(self) -> LabelSpace:
        assert self.tasks.objects is not None
        return self.tasks.objects

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        return replace(self.sample, name=self.name(index))

    def name(self, index: int) -> str:
        return f"{index}"


def image() -> torch.Tensor:
    return torch.zeros(3, 4, 4, dtype=torch.uint8)


def mask(*values: int) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int16).repeat(4, 4)[:, :4].contiguous()


def street(count: int = 4) -> Given:
    return Given(TaskLabels(STREET), Sample(image(), objects=mask(0, 1, 2, IGNORE)), count)


def things(count: int = 4) -> Given:
    tasks = TaskLabels(THINGS, LabelSpace(("town",)), PartTree(THINGS, PARTS, ((0, 1), (2,))))
    sample = Sample(image(), objects=mask(0, 0, 1, 1), parts=mask(0, 1, 2, IGNORE), scene=0)
    return Given(tasks, sample, count)


def cloth(count: int = 4) -> Given:
    return Given(TaskLabels(textures=LabelSpace(("woven",))), Sample(image(), textures=mask(0, 0, 0, 0)), count)


def test_classes_of_one_name_are_one_class_whatever_the_case() -> None:
    mixture = Mixture([Source("street", street()), Source("things", things())])
    assert mixture.labels.names == ("Sky", "Car", "Road", "house")
    assert mixture[0].objects is not None and mixture[0].objects[0].tolist() == [0, 1, 2, IGNORE]
    assert mixture[4].objects is not None and mixture[4].objects[0].tolist() == [1, 1, 3, 3]
    assert mixture[4].name == mixture.name(4) == "things/0" and mixture[4].scene == 0


def test_renaming_merges_and_drops_classes() -> None:
    rename = {"left wheel": "wheel", "right wheel": "wheel", "house": None}
    mixture = Mixture([Source("things", things(), rename=rename)])
    assert mixture.tasks.parts is not None and mixture.tasks.parts.names == ("wheel", "roof")
    assert mixture.tasks.tree is not None and mixture.tasks.tree.children == ((0,),)
    sample = mixture[0]
    assert sample.parts is not None and sample.parts[0].tolist() == [0, 0, 1, IGNORE]
    assert sample.objects is not None and sample.objects[0].tolist() == [0, 0, IGNORE, IGNORE]


def test_only_the_classes_to_keep_are_used() -> None:
    mixture = Mixture([Source("street", street(), keep={"objects": ("Road",)})])
    assert mixture.labels.names == ("Road",)
    assert mixture[0].objects is not None and mixture[0].objects[0].tolist() == [IGNORE, IGNORE, 0, IGNORE]


@pytest.mark.parametrize("change", [{"rename": {"cat": "dog"}}, {"keep": {"objects": ("cat",)}}])
def test_a_class_that_is_not_there_is_named(change: dict[str, dict[str, str]]) -> None:
    with pytest.raises(UserError, match="'street' of the mixture has no class 'cat'"):
        Mixture([Source("street", street(), **change)])  # type: ignore[arg-type]


def test_a_source_used_for_its_parts_alone_teaches_no_objects_but_says_whose_parts_they_are() -> None:
    sample = Mixture([Source("things", things(), tasks=("parts",))])[0]
    assert sample.objects is None and sample.scene is None
    assert sample.owners is not None and sample.owners[0].tolist() == [0, 0, 1, 1]


def test_objects_can_have_the_parts_that_any_source_gives_them() -> None:
    other = TaskLabels(THINGS, tree=PartTree(THINGS, LabelSpace(("door",)), ((0,), (0,))))
    doors = Given(other, Sample(image(), parts=mask(0, 0, 0, 0), owners=mask(0, 0, 0, 0)))
    tree = Mixture([Source("things", things()), Source("doors", doors)]).tasks.tree
    assert tree is not None and tree.children == ((0, 1, 3), (2, 3))


def test_without_objects_it_says_that_others_are_needed() -> None:
    with pytest.raises(UserError, match="labels no objects"):
        _ = Mixture([Source("cloth", cloth())]).labels


def test_sources_are_drawn_by_weight_and_each_is_seen_whole_before_it_comes_again() -> None:
    met: list[tuple[int, int]] = []
    for drawn in mixed_draws((30, 10), (3.0, 1.0), "mixed", 4, 7, 0, 500):
        met += drawn
    share = sum(index < 30 for _, index in met) / len(met)
    assert abs(share - 0.75) < 0.03
    small = [draw for draw in met if draw[1] >= 30]
    assert sorted(index for _, index in small[:10]) == list(range(30, 40))
    assert [epoch for epoch, _ in small[:20]] == [0] * 10 + [1] * 10


@pytest.mark.parametrize("batches", ["pure", "mixed"])
def test_a_late_start_gives_the_same_places(batches: str) -> None:
    def row(start: int, stop: int) -> list[list[tuple[int, int]]]:
        return list(mixed_draws((5, 7), (1.0, 2.0), batches, 3, 1, start, stop))  # type: ignore[arg-type]

    assert row(0, 40)[25:] == row(25, 40)
    assert row(0, 40)[:10] == row(0, 10)


def test_a_pure_batch_comes_from_one_source_and_a_mixed_one_from_several() -> None:
    def kinds(batches: str) -> list[set[bool]]:
        rows = mixed_draws((50, 50), (1.0, 1.0), batches, 8, 0, 0, 40)  # type: ignore[arg-type]
        return [{index < 50 for _, index in drawn} for drawn in rows]

    assert all(len(kind) == 1 for kind in kinds("pure")) and len({*map(frozenset, kinds("pure"))}) == 2
    assert sum(len(kind) == 2 for kind in kinds("mixed")) > 35


@pytest.mark.parametrize("workers", [0, 1])
def test_a_batch_holds_every_task_and_ignores_what_a_sample_lacks(workers: int) -> None:
    mixture = Mixture([Source("street", street()), Source("things", things()), Source("cloth", cloth())], "mixed")
    names: Counter[str] = Counter()
    for batch in training_batches(
        mixture, AugmentationSettings(crop=(4, 4), scale=(1, 1), rotate_probability=0), PreprocessingSettings(),
        batch=6, seed=0, start=3, stop=8, workers=workers, cache_mb=1, tasks=TRUTH_NAMES,
    ):  # fmt: skip
        assert isinstance(batch, Batch)
        assert batch.parts is not None and batch.owners is not None and batch.textures is not None
        assert batch.scenes is not None
        for number, name in enumerate(batch.names):
            source = name.split("/")[0]
            names[source] += 1
            assert (batch.textures[number] == IGNORE).all() == (source != "cloth")
            assert (batch.parts[number] == IGNORE).all() == (source != "things")
            assert (batch.objects[number] == IGNORE).all() == (source == "cloth")
            assert (batch.scenes[number] == IGNORE) == (source != "things")
    assert set(names) == {"street", "things", "cloth"}


def test_two_processes_share_a_mixed_batch() -> None:
    mixture = Mixture([Source("street", street()), Source("cloth", cloth())], "mixed")

    def names(rank: int, world: int) -> list[str]:
        rows = training_batches(
            mixture, AugmentationSettings(crop=(4, 4)), PreprocessingSettings(), batch=4, seed=0, start=0, stop=3,
            workers=0, cache_mb=1, tasks=TRUTH_NAMES, rank=rank, world=world,
        )  # fmt: skip
        return [",".join(batch.names) for batch in rows]

    halves = [f"{one},{two}" for one, two in zip(names(0, 2), names(1, 2), strict=True)]
    assert halves == names(0, 1)


def test_splits_of_a_mixture_have_one_label_space_and_slices_take_their_samples(data_set: Path) -> None:
    source = SourceSettings("folder", str(data_set), train="train[:2]", val="train[2:]", test=None)
    settings = DataSettings(
        kind="mixture",
        sources=(source, SourceSettings("toyworld", test="test[::3]")),
        toyworld=ToyWorldSettings(eval_count=8),
    )
    train, val, test = (open_dataset(settings, split) for split in ("train", "val", "test"))
    whole = open_dataset(DataSettings(root=str(data_set)), "train")
    assert train.labels == val.labels == test.labels
    assert train.name(1) == f"folder/{whole.name(1)}" and val.name(0) == f"folder/{whole.name(2)}"
    assert [test.name(index) for index in range(len(test))] == [f"toyworld/test/0000{index}" for index in (0, 3, 6)]


def test_the_mini_broden_recipe_opens_on_the_real_data(shared: Path) -> None:
    settings = read_recipe("mini-broden", data={"root": str(shared / "data")}).data
    train = open_dataset(settings, "train")
    assert isinstance(train, Mixture) and train.tasks.parts is not None
    assert {"wheel", "bumper", "door", "hood"} <= set(train.tasks.parts.names)
    assert "back_bumper" not in train.tasks.parts.names and "person" in train.labels.names
    assert ("left_mirror", "right_mirror") in train.tasks.parts.mirror and len(train.tasks.parts.mirror) == 5
    sample = train[len(train) - 1]
    assert train.tasks.scenes is not None and sample.scene is not None
    assert train.tasks.scenes.names[sample.scene] == "street" and min(sample.size) == 512
