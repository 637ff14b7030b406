"""What a file says of its pictures and its classes is found wherever it stands: in any group, or in a header."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint
from sceneparse.weights.model import load_model
from tests.support.published import imported
from tests.weights.importing.test_stated import State, fcn, smp_state
from tests.weights.importing.test_wrappers import under

MEAN, STD, NAMES = [0.1, 0.2, 0.3], [0.5, 0.4, 0.3], ["sky", "road", "car", "tree"]
SAID: dict[str, list[Any]] = {"mean": MEAN, "std": STD, "class_names": NAMES}

GROUPS = (
    *("normalization", "normalize", "preprocessing", "preprocess_params", "transform", "metadata", "info"),
    *("settings", "model_args", "model_kwargs", "meta", "hparams", "config", "anything"),
)


@pytest.fixture(scope="module")
def four() -> State:
    return fcn(4)


def check(found: ImportedModel) -> None:
    preprocessing = found.model.config.preprocessing
    assert preprocessing.mean == pytest.approx(MEAN) and preprocessing.std == pytest.approx(STD)
    assert found.model.labels.names == tuple(NAMES)
    lines = " ".join(found.describe())
    assert "std are taken for pictures in 0..1" in lines and "nothing in the file says it" not in lines


def test_it_may_stand_beside_the_weights(four: State, tmp_path: Path) -> None:
    check(imported({"state_dict": under(four, "model."), **SAID}, tmp_path))


@pytest.mark.parametrize("group", GROUPS)
def test_it_may_stand_in_any_group(group: str, four: State, tmp_path: Path) -> None:
    check(imported({"state_dict": four, group: SAID}, tmp_path))


@pytest.mark.parametrize("group", ["config", "anything"])
def test_it_may_stand_in_a_group_of_a_group(group: str, four: State, tmp_path: Path) -> None:
    check(imported({"state_dict": four, group: {"data": SAID}}, tmp_path))


@pytest.mark.parametrize("group", ["", "normalize"])
def test_it_may_be_tensors(group: str, four: State, tmp_path: Path) -> None:
    said = {**SAID, "mean": torch.tensor(MEAN).view(3, 1, 1), "std": torch.tensor(STD)}
    check(imported({"state_dict": four, **({group: said} if group else said)}, tmp_path))


@pytest.mark.parametrize("mean", [np.array(MEAN), [np.float32(one) for one in MEAN], torch.ones(2, 3)])
def test_what_cannot_be_read_as_numbers_is_said(mean: Any, four: State, tmp_path: Path) -> None:
    found = imported({"state_dict": four, "mean": mean, "std": STD}, tmp_path)
    [line] = [note for note in found.notes if "are not taken as normalisation" in note]
    assert "give preprocessing.mean and preprocessing.std" in line


@pytest.mark.parametrize("group", ["results", "val_metrics", "iou", "optimizer", "lr_sched_state"])
def test_means_of_other_things_are_not_a_normalisation(group: str, four: State, tmp_path: Path) -> None:
    found = imported({"state_dict": four, group: {"mean": MEAN, "std": STD}}, tmp_path)
    assert found.model.config.preprocessing.mean == (0.485, 0.456, 0.406)


def test_a_schedulers_state_under_a_name_of_its_own_says_nothing(tmp_path: Path) -> None:
    content = {"state_dict": fcn(1), "plateau": {"patience": 3, "threshold": 1e-4, "threshold_mode": "rel"}}
    assert imported(content, tmp_path).model.network.threshold == 0.5


def safetensors(state: State, folder: Path, metadata: dict[str, str]) -> ImportedModel:
    save_file({key: value.contiguous() for key, value in state.items()}, folder / "net.safetensors", metadata)
    found = import_checkpoint(folder / "net.safetensors")
    assert isinstance(found, ImportedModel)
    return found


@pytest.mark.parametrize(
    "metadata",
    [
        {key: json.dumps(value) for key, value in SAID.items()},
        {key: str(tuple(value)) for key, value in SAID.items()},
        {"mean": "0.1, 0.2, 0.3", "std": "0.5,0.4,0.3", "classes": "sky, road,car,tree"},
        {"config": json.dumps({"data": SAID})},
        {"preprocessing": repr({"mean": MEAN, "std": STD}), "id2label": json.dumps(dict(enumerate(NAMES)))},
    ],
)
def test_it_may_stand_in_the_header_of_safetensors(metadata: dict[str, str], four: State, tmp_path: Path) -> None:
    check(safetensors(four, tmp_path, {"format": "pt", **metadata}))


@pytest.mark.parametrize("text", ["[" * 100_000, "(" * 10_000, '{"a":' * 10_000, "9" * 10_000, "0x", "\x00", "{1: 2}"])
def test_a_header_that_is_no_value_stays_a_text(text: str, four: State, tmp_path: Path) -> None:
    assert safetensors(four, tmp_path, {"mean": text, "notes": text}).model.config.preprocessing.mean[0] == 0.485


def output(found: ImportedModel, picture: torch.Tensor) -> torch.Tensor:
    settings = found.model.config.preprocessing
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (settings.mean, settings.std))
    with torch.inference_mode():
        scores: torch.Tensor = found.model.network(((picture - mean) / std)[None])
    return scores


@pytest.mark.parametrize(
    "order",
    [
        {"input_space": "BGR"},
        {"color_mode": "bgr"},
        {"channel_order": "BGR"},
        {"bgr": True},
        {"input_space": "BGR", "to_rgb": False},
    ],
)
def test_a_network_of_bgr_is_turned(order: dict[str, Any], four: State, tmp_path: Path) -> None:
    plain = imported({"state_dict": four, "preprocessing": {"mean": MEAN, "std": STD}}, tmp_path)
    content = {"state_dict": four, "preprocessing": {"mean": MEAN, "std": STD, **order}}
    turned = imported(content, tmp_path)
    picture = torch.rand(3, 64, 64)
    torch.testing.assert_close(output(turned, picture), output(plain, picture.flip(0)), rtol=1e-4, atol=1e-5)
    assert turned.model.config.preprocessing.mean == pytest.approx(MEAN[::-1])
    assert "is BGR: its first convolution and its mean" in " ".join(turned.notes) and not turned.warnings


def test_imagenets_mean_in_the_order_of_bgr_is_understood_where_the_order_is_stated(
    four: State, tmp_path: Path
) -> None:
    said = {"mean": [0.406, 0.456, 0.485], "std": [0.225, 0.224, 0.229], "input_space": "BGR"}
    found = imported({"state_dict": four, "hyper_parameters": said}, tmp_path)
    assert found.model.config.preprocessing.mean == (0.485, 0.456, 0.406)


BGR = {"mean": [0.406, 0.456, 0.485], "std": [0.225, 0.224, 0.229]}


def test_imagenets_mean_in_the_order_of_bgr_with_colours_as_they_were_read_is_bgr(four: State, tmp_path: Path) -> None:
    plain = imported({"state_dict": four, "hyper_parameters": {"mean": MEAN, "std": STD}}, tmp_path)
    turned = imported({"state_dict": four, "hyper_parameters": {**BGR, "to_rgb": False}}, tmp_path)
    assert turned.model.config.preprocessing.mean == (0.485, 0.456, 0.406) and not turned.warnings
    assert "hyper_parameters.to_rgb is false and the mean ImageNet's" in " ".join(turned.notes)
    first = "backbone.body.conv1.weight"
    states = [one.model.network.state_dict()[first] for one in (plain, turned)]
    assert torch.equal(states[0].flip(1), states[1])


@pytest.mark.parametrize("as_buffers", [False, True])
def test_the_refusal_of_a_mean_in_the_order_of_bgr_names_what_works(
    as_buffers: bool, four: State, tmp_path: Path
) -> None:
    buffers = {key: torch.tensor(value) for key, value in BGR.items()} if as_buffers else {}
    content: dict[str, Any] = {"state_dict": under(four, "model.") | buffers, **({} if as_buffers else BGR)}
    with pytest.raises(UserError, match=r"'input_space': 'BGR'.*; if it takes RGB; give preprocessing\.mean"):
        imported(content, tmp_path)
    found = imported({**content, "input_space": "BGR"}, tmp_path)
    assert found.model.config.preprocessing.mean == pytest.approx((0.485, 0.456, 0.406)) and not found.warnings


def test_a_mean_that_is_given_in_the_order_of_bgr_is_warned_of(four: State, tmp_path: Path) -> None:
    content = {"state_dict": four, "input_space": "BGR"}
    given = {key: tuple(value) for key, value in BGR.items()}
    [warning] = imported(content, tmp_path, preprocessing=given).warnings
    assert "give mean and standard deviation in the order red, green, blue" in warning
    right = {key: value[::-1] for key, value in given.items()}
    assert not imported(content, tmp_path, preprocessing=right).warnings


def test_that_colours_are_not_turned_is_warned_of_and_the_advice_works(four: State, tmp_path: Path) -> None:
    said = {"mean": MEAN, "std": STD, "to_rgb": False}
    [warning] = imported({"state_dict": four, "hyper_parameters": said}, tmp_path).warnings
    assert (
        warning.startswith("hyper_parameters.to_rgb is false: taken to be") and "write 'input_space': 'BGR'" in warning
    )
    said["input_space"] = "BGR"
    turned = imported({"state_dict": four, "hyper_parameters": said}, tmp_path)
    assert turned.model.config.preprocessing.mean == pytest.approx(MEAN[::-1]) and not turned.warnings


@pytest.mark.parametrize("space", ["LAB", "hsv", "L"])
def test_another_form_of_pictures_is_warned_of(space: str, four: State, tmp_path: Path) -> None:
    [warning] = imported({"state_dict": four, "config": {"input_space": space}}, tmp_path).warnings
    assert f"config.input_space is {space.upper()}: pictures are given to a network as RGB here" in warning


def test_what_says_rgb_is_not_talked_of(four: State, tmp_path: Path) -> None:
    said = {"input_space": "RGB", "to_rgb": False, "bgr": False, "input_format": "png", "color_mode": "light"}
    found = imported({"state_dict": four, "config": said}, tmp_path)
    assert not found.warnings and "BGR" not in " ".join(found.notes)


@pytest.mark.parametrize(("values", "unit"), [([0, 255], 255), ([0, 1], 1)])
def test_the_range_that_stands_beside_a_mean_is_that_of_the_pictures(
    values: list[int], unit: int, four: State, tmp_path: Path
) -> None:
    said = {"mean": MEAN, "std": STD, "input_range": values}
    found = imported({"state_dict": four, "preprocessing": said}, tmp_path)
    assert found.model.config.preprocessing.mean == pytest.approx([one / unit for one in MEAN])


SIDES = ("mean", "std")
FLAGS = ("--preprocessing.mean", "--preprocessing.std")


@pytest.mark.parametrize("as_command", [False, True])
def test_smps_lightning_example_is_warned_of_with_flags_that_work(
    as_command: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = smp_state(3)
    buffers = {"mean": torch.tensor(MEAN).view(1, 3, 1, 1), "std": torch.tensor(STD).view(1, 3, 1, 1)}
    path = tmp_path / "net.ckpt"
    torch.save({"state_dict": {**under(state, "model."), **buffers}}, path)
    found = import_checkpoint(path)
    assert isinstance(found, ImportedModel) and found.model.config.preprocessing.mean == pytest.approx(MEAN)
    [warning] = found.warnings
    assert "are taken for pictures in 0..1; the Lightning example of segmentation_models_pytorch" in warning
    if as_command:
        assert main(["import", str(path), "--out", str(tmp_path / "plain")]) == 0
        said = " ".join(capsys.readouterr().out.split())
        flags = [said.partition(f'{flag} "')[2].partition("]")[0] + "]" for flag in FLAGS]
        words = [word for flag, value in zip(FLAGS, flags, strict=True) for word in (flag, value.replace(" ", ""))]
        assert main(["import", str(path), "--out", str(tmp_path / "given"), *words]) == 0
        assert "warning: preprocessing" not in capsys.readouterr().out
        preprocessing = load_model(tmp_path / "given").config.preprocessing
    else:
        values = {side: warning.partition(f"'{side}': ")[2].partition("]")[0] for side in SIDES}
        given = {side: json.loads(f"{value}]") for side, value in values.items()}
        followed = import_checkpoint(path, preprocessing=given)
        assert isinstance(followed, ImportedModel) and not followed.warnings
        preprocessing = followed.model.config.preprocessing
    # What that example computes: (picture in 0..255 - mean) / std.
    assert preprocessing.mean == pytest.approx([one / 255 for one in MEAN], abs=1e-8)
    assert preprocessing.std == pytest.approx([one / 255 for one in STD], abs=1e-8)


@pytest.mark.parametrize("place", ["mean in bytes", "in a layer", "of another family"])
def test_other_buffers_are_not_doubted(place: str, four: State, tmp_path: Path) -> None:
    scale = 255 if place == "mean in bytes" else 1
    prefix = "normalize." if place == "in a layer" else ""
    buffers = {f"{prefix}mean": torch.tensor(MEAN) * scale, f"{prefix}std": torch.tensor(STD) * scale}
    state = four if place == "of another family" else smp_state(3)
    found = imported({**under(state, "model."), **buffers}, tmp_path)
    assert found.model.config.preprocessing.mean == pytest.approx(MEAN) and not found.warnings


def of_bands(state: State, count: int) -> State:
    """The network with a first convolution of so many channels."""
    first = state["backbone.conv1.weight"]
    return state | {"backbone.conv1.weight": first[:, torch.arange(count) % 3].clone()}


@pytest.mark.parametrize("count", [1, 6, 13])
def test_a_normalisation_has_a_value_for_each_of_as_many_bands_as_there_are(
    count: int, four: State, tmp_path: Path
) -> None:
    state, mean = of_bands(four, count), [0.1 + 0.05 * band for band in range(count)]
    said = {"mean": mean, "std": [0.5] * count}
    buffers = {f"normalize.{name}": torch.tensor(values).view(1, -1, 1, 1) for name, values in said.items()}
    for content in ({"state_dict": state, "data_config": said}, {**under(state, "model."), **buffers}):
        found = imported(content, tmp_path).model.config
        assert found.backbone.in_channels == count
        assert found.preprocessing.mean == pytest.approx(mean)


def test_values_of_more_than_eight_bits_are_said_to_be_it(four: State, tmp_path: Path) -> None:
    said = {"mean": [1300.0, 1100.0, 900.0, 800.0, 2000.0, 3000.0], "std": [400.0] * 6}
    words = r"takes 6 channels: give .* \(.*are of values above 255, but here a picture's range is brought to 0\.\.1"
    with pytest.raises(UserError, match=words):
        imported({"state_dict": of_bands(four, 6), "data_config": said}, tmp_path)


@pytest.mark.parametrize("key", ["labels", "categories", "names"])
def test_a_list_that_may_be_of_something_else_counts_only_for_as_many_classes(
    key: str, four: State, tmp_path: Path
) -> None:
    assert imported({"state_dict": four, key: NAMES}, tmp_path).model.labels.names == tuple(NAMES)
    found = imported({"state_dict": four, key: ["train", "val"]}, tmp_path)
    assert found.classes.startswith("unknown, so they are only numbered")
    sure = imported({"state_dict": four, key: ["train", "val"], "class_names": NAMES[:3]}, tmp_path)
    assert sure.classes.startswith("the checkpoint names 3, but has 4")


@pytest.mark.parametrize(("most", "warned"), [(1.0, True), (255.0, False)])
def test_a_mean_of_pictures_that_may_have_been_floats_is_warned_of(
    most: float, warned: bool, four: State, tmp_path: Path
) -> None:
    step = {"__class_fullname__": "Normalize", "mean": MEAN, "std": STD, "max_pixel_value": most}
    found = imported({"state_dict": four, "transforms": [step]}, tmp_path)
    assert found.model.config.preprocessing.mean == pytest.approx(MEAN)
    said = [warning for warning in found.warnings if "transforms.0.max_pixel_value is 1.0: the mean is" in warning]
    assert len(said) == warned
    in_bytes = imported({"state_dict": four, "transforms": [step | {"mean": [51.0] * 3, "std": [51.0] * 3}]}, tmp_path)
    assert not any("max_pixel_value" in warning for warning in in_bytes.warnings)
