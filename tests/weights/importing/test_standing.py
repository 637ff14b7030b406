"""A mean and a deviation are a normalisation by the groups in which they stand and the channels that there are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sceneparse.weights.importing.checkpoint import ImportedModel
from tests.support.published import imported
from tests.weights.importing.test_stated import State, fcn

MEAN, STD = [0.1, 0.2, 0.3], [0.5, 0.4, 0.3]
SAID: dict[str, Any] = {"mean": MEAN, "std": STD}
USUAL = (0.485, 0.456, 0.406)
ONE = {"mean": 0.71, "std": 0.02}


@pytest.fixture(scope="module")
def four() -> State:
    return fcn(4)


@pytest.fixture(scope="module")
def of_four_bands(four: State) -> State:
    stem = four["backbone.conv1.weight"]
    return four | {"backbone.conv1.weight": torch.cat((stem, stem[:, :1]), 1)}


def mean_of(found: ImportedModel) -> tuple[float, ...]:
    return found.model.config.preprocessing.mean


MEASURED: dict[str, dict[str, Any]] = {
    **{name: {name: ONE} for name in ("val", "stats", "summary", "cross_validation", "folds", "fold_0", "test")},
    **{name: {name: {"mean": 31.2, "std": 1.5}} for name in ("time", "epoch_time", "inference_ms", "latencyMs")},
    **{name: {name: SAID} for name in ("class_areas", "target", "noise", "best_score", "init", "batch_time")},
    "an initialiser": {"init_cfg": {"type": "Normal", "mean": 0.0, "std": 0.01}},
    "an initialiser by another name": {"config": {"weights": {"type": "TruncNormal", "mean": 0.0, "std": 0.02}}},
    "in config": {"config": {"init": {"mean": 0.0, "std": 0.02}, "gaussian_noise": {"mean": 0.0, "std": 0.1}}},
    "a step of a list": {"transforms": [{"name": "GaussNoise", "mean": 0.0, "std": 0.1}]},
}


@pytest.mark.parametrize("what", MEASURED)
def test_what_was_measured_is_no_normalisation_and_does_not_hide_one(what: str, four: State, tmp_path: Path) -> None:
    alone = imported({"state_dict": four, **MEASURED[what]}, tmp_path)
    assert mean_of(alone) == USUAL and "as normalisation" not in " ".join(alone.notes)
    found = imported({"state_dict": four, **MEASURED[what], "config_of_mine": SAID}, tmp_path)
    assert mean_of(found) == pytest.approx(MEAN) and not found.warnings


@pytest.mark.parametrize(
    "content",
    [
        ONE,
        {"dataset_stats": ONE},
        {"config": ONE},
        {"folds": SAID},
        {"stats": SAID},
        {"config": {"data": {"type": "Mixed", **SAID}}},
    ],
)
def test_what_may_be_one_is_said_with_advice_that_works(content: dict[str, Any], four: State, tmp_path: Path) -> None:
    found = imported({"state_dict": four, **content}, tmp_path)
    [line] = [note for note in found.notes if "are not taken as normalisation" in note]
    assert mean_of(found) == USUAL and "give preprocessing.mean and preprocessing.std" in line
    said = " ".join(found.describe())
    assert "what the file says is not taken, so ImageNet's" in said and "nothing in the file says it" not in said
    given = {"mean": tuple(MEAN), "std": tuple(STD)}
    assert mean_of(imported({"state_dict": four, **content}, tmp_path, preprocessing=given)) == given["mean"]


@pytest.mark.parametrize(
    "content",
    [
        {"normalize": {"mean": 0.1, "std": 0.5}},
        {"val_transforms": {"mean": 0.1, "std": 0.5}},
        {"fold_0": {"preprocessing": {"mean": 0.1, "std": 0.5}}},
        {"data_config": {"mean": 0.1, "std": 0.5}},
        {"hyper_parameters": {"pixel_mean": 0.1, "pixel_std": 0.5}},
        {"inputNorm": {"mean": 0.1, "std": 0.5}},
        {"pipeline": [{"type": "Normalize", "mean": 0.1, "std": 0.5}]},
    ],
)
def test_one_number_is_for_all_channels_where_the_name_says_what_it_is(
    content: dict[str, Any], four: State, tmp_path: Path
) -> None:
    assert mean_of(imported({"state_dict": four, **content}, tmp_path)) == pytest.approx((0.1,) * 3)


def test_of_several_that_differ_a_group_of_preprocessing_wins_and_a_warning_says_so(
    four: State, tmp_path: Path
) -> None:
    other = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
    found = imported({"state_dict": four, "info": other, "preprocessing": SAID}, tmp_path)
    [warning] = found.warnings
    assert mean_of(found) == pytest.approx(MEAN)
    assert "preprocessing.mean and preprocessing.std are taken, but info.mean and info.std differ" in warning


BESIDE = {"class_weights": torch.ones(4), "class_names": ["sky", "road", "car", "tree"]}


@pytest.mark.parametrize("tensors", [False, True])
@pytest.mark.parametrize(
    "place", ["settings", "preprocessing", "info", "hyper_parameters", "hyper_parameters.data", "config", ""]
)
def test_a_tensor_among_the_settings_hides_nothing(place: str, tensors: bool, four: State, tmp_path: Path) -> None:
    said: Any = {**BESIDE, **({key: torch.tensor(value) for key, value in SAID.items()} if tensors else SAID)}
    for part in reversed(place.split(".") if place else ()):
        said = {part: said}
    found = imported({"state_dict": four, "best_iou": torch.tensor(0.5), **said}, tmp_path)
    assert mean_of(found) == pytest.approx(MEAN)
    assert found.model.labels.names == ("sky", "road", "car", "tree")


STEPS = [{"name": "Resize", "height": 64}, {"name": "Normalize", **SAID}]


@pytest.mark.parametrize(
    "content",
    [
        {"transforms": STEPS},
        {"config": {"pipeline": tuple(STEPS)}},
        {"transform": {"transform": {"__class_fullname__": "Compose", "transforms": [{**SAID}]}}},
        {"steps": [[{"__class_fullname__": "albumentations.Normalize", **SAID}]]},
        {"normalize": (MEAN, STD)},
        {"hparams": {"norm": [MEAN, STD]}},
    ],
)
def test_a_normalisation_in_a_list_is_taken(content: dict[str, Any], four: State, tmp_path: Path) -> None:
    found = imported({"state_dict": four, **content}, tmp_path)
    assert mean_of(found) == pytest.approx(MEAN) and found.model.config.preprocessing.std == pytest.approx(STD)


@pytest.mark.parametrize("value", [np.array(MEAN), np.array(MEAN, np.float32), [np.float64(one) for one in MEAN]])
@pytest.mark.parametrize("group", ["", "normalize"])
def test_arrays_of_numpy_are_said_not_to_be_read(value: Any, group: str, four: State, tmp_path: Path) -> None:
    said = {"mean": value, "std": value}
    found = imported({"state_dict": four, **({group: said} if group else said)}, tmp_path)
    lines = " ".join(found.describe())
    assert "not taken as normalisation: NumPy's arrays and numbers in a pickle are not read; if they are it" in lines
    assert "?" not in lines and "nothing in the file says it, so ImageNet's" not in lines


FOUR = {"mean": [0.406, 0.456, 0.485, 0.5], "std": [0.2, 0.2, 0.2, 0.3]}


@pytest.mark.parametrize("place", ["", "hyper_parameters", "normalize"])
def test_four_values_are_taken_for_a_network_of_four_channels(
    place: str, of_four_bands: State, four: State, tmp_path: Path
) -> None:
    content = {place: FOUR} if place else FOUR
    found = imported({"state_dict": of_four_bands, **content}, tmp_path)
    assert mean_of(found) == tuple(FOUR["mean"]) and found.model.config.backbone.in_channels == 4
    plain = imported({"state_dict": four, **content}, tmp_path)
    assert mean_of(plain) == USUAL and "both need three numbers" in " ".join(plain.notes)
