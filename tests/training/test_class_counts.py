"""A training that favours rare classes: what is rare is counted once, kept in the run folder, and read on resume."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sceneparse.data.class_counts import ClassCounts, count_classes
from sceneparse.errors import UserError
from sceneparse.settings import Recipe
from sceneparse.training.class_weights import load_class_weights, median_frequency_weights
from sceneparse.training.loop import train
from sceneparse.training.prepare import prepare

MakeRecipe = Callable[..., Recipe]
FAVOURED = {
    "sampling__repeat_threshold": 1.0,
    "sampling__rare_crops": 0.5,
    "augmentation__copy_paste": 0.5,
    "augmentation__copy_paste_regions": True,
    "augmentation__cat_max_ratio": 0.75,
    "augmentation__color": 0.0,
    "augmentation__photometric": True,
}


def weights(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()


def stopped_half_way(run: Path, into: Path) -> Path:
    """What a training that was killed after its last checkpoint but one left."""
    shutil.copytree(run, into, ignore=shutil.ignore_patterns("model"))
    max((into / "checkpoints").glob("last-*.pt")).unlink()
    return into


@pytest.fixture(scope="module")
def run(toy: MakeRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(toy(**FAVOURED), tmp_path_factory.mktemp("favoured") / "run")


def test_the_run_folder_says_what_is_rare(run: Path) -> None:
    counts = json.loads((run / "class_counts.json").read_text())
    ground, dark, bright = counts["classes"].values()
    assert ground["pictures"] == dark["pictures"] == bright["pictures"] == len(counts["samples"]) == 6
    assert ground["pixels"] + dark["pixels"] + bright["pixels"] == 6 * 46 * 56
    assert bright["pixels"] <= 6 * 16 * 16 < ground["pixels"]


def test_a_resumed_training_reads_the_same_numbers_and_ends_with_the_same_bytes(
    toy: MakeRecipe, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = stopped_half_way(run, tmp_path / "half")
    monkeypatch.setattr("sceneparse.training.class_counts.count_classes", lambda *_, **__: pytest.fail("counted anew"))
    torch.manual_seed(9)
    assert weights(train(toy(**FAVOURED, data__workers=2), half, resume=True)) == weights(run)


def test_draws_and_median_weights_go_by_one_count(
    toy: MakeRecipe, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[ClassCounts] = []

    def count(*given: Any, **options: Any) -> ClassCounts:
        counted.append(count_classes(*given, **options))
        return counted[-1]

    monkeypatch.setattr("sceneparse.training.class_counts.count_classes", count)
    both = train(toy(**FAVOURED, loss__class_weights="median"), tmp_path / "both")
    assert len(counted) == 1
    assert (both / "class_counts.json").read_bytes() == (run / "class_counts.json").read_bytes()
    found = json.loads((both / "class_weights.json").read_text())
    assert list(found) == list(counted[0].names) and found["bright"] > found["ground"]


def test_median_weights_need_a_mask_for_each_picture(toy: MakeRecipe, tmp_path: Path) -> None:
    recipe = toy(loss__class_weights="median")
    prepared = prepare(recipe, None, "auto")
    counts = count_classes(prepared.data.training, split="train")
    lacking = replace(counts, labelled=np.arange(len(counts)) != 1)
    with pytest.raises(UserError, match=f"sample '{prepared.data.training.name(1)}' has no object labels: training"):
        load_class_weights(prepared, tmp_path, lacking)


def test_median_weights_of_several_tasks_are_of_the_samples_with_objects(toy: MakeRecipe, tmp_path: Path) -> None:
    recipe = toy(loss__class_weights="median")
    prepared = prepare(recipe, None, "auto")
    counts = count_classes(prepared.data.training, split="train")
    lacking = ClassCounts.of(counts.names, [None, *counts.to_json()["samples"][1:]])
    several = replace(recipe.network, architecture="upernet_unified", output_stride=32, aux=False)
    found = load_class_weights(replace(prepared, recipe=replace(recipe, network=several)), tmp_path, lacking)
    assert found is not None and found.tolist() == median_frequency_weights(lacking).tolist()


def test_counts_decide_what_is_seen(toy: MakeRecipe, run: Path, tmp_path: Path) -> None:
    plain = train(toy(), tmp_path / "plain")
    assert not (plain / "class_counts.json").exists()
    assert weights(plain) != weights(run)


def test_damaged_counts_are_one_line(toy: MakeRecipe, run: Path, tmp_path: Path) -> None:
    half = stopped_half_way(run, tmp_path / "half")
    (half / "class_counts.json").write_text('{"classes": {}}')
    with pytest.raises(UserError, match=r"class_counts\.json: damaged; remove it to have the classes counted anew"):
        train(toy(**FAVOURED), half, resume=True)


def test_classes_to_paste_that_are_not_there_are_refused_before_the_first_step(toy: MakeRecipe, tmp_path: Path) -> None:
    recipe = toy(augmentation__copy_paste=0.5, augmentation__copy_paste_classes=["brigth"])
    with pytest.raises(UserError, match=r"has no class 'brigth' \(did you mean 'bright'\?\)"):
        train(recipe, tmp_path / "run")
