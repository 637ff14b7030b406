"""What a training says of itself beside its weights is used, refused or said; so is what is no part of it."""

import argparse
import json
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint
from sceneparse.weights.importing.families import smp
from sceneparse.weights.importing.families.torchvision import NAMES
from sceneparse.weights.importing.family import theirs
from tests.support.published import imported
from tests.support.slow import slow_unless
from tests.weights.importing.test_wrappers import halved, stand_in, under

State = dict[str, Tensor]


def fcn(classes: int) -> State:
    """A small FCN of torchvision's, in the halves that are written and read in half the time."""
    torch.manual_seed(0)
    network = build(BackboneSettings("resnet18"), NetworkSettings(architecture="fcn", channels=8), classes)
    return {theirs(key, NAMES): halved(value) for key, value in network.state_dict().items()}


@pytest.fixture(scope="module")
def one() -> State:
    return fcn(1)


@pytest.fixture(scope="module")
def four() -> State:
    return fcn(4)


NODE, CONTAINER = stand_in("omegaconf_alike.nodes", "AnyNode"), stand_in("omegaconf_alike.dictconfig", "DictConfig")


def node(value: Any) -> Any:
    made = NODE()
    made.__dict__.update(_val=value, _parent=None)
    return made


def container(**content: Any) -> Any:
    made = CONTAINER()
    made.__dict__.update(_content=content, _parent=None, _metadata=types.SimpleNamespace(key=None))
    return made


SETTINGS: dict[str, dict[str, Any]] = {
    "threshold": {"hyper_parameters": {"threshold": 0.3, "lr": 0.1}},
    "thr, nested": {"hyper_parameters": {"cfg": {"model": {"thr": 0.3}}}},
    "thresh": {"hparams": {"thresh": 0.3}},
    "pred_threshold": {"config": {"pred_threshold": 0.3}},
    "prob_threshold": {"hyper_parameters": {"model": {"prob_threshold": 0.3}}},
    "mask_threshold": {"args": {"mask_threshold": "0.3"}},
    "beside the weights": {"threshold": 0.3},
    "twice the same": {"hyper_parameters": {"threshold": 0.3, "eval": {"val_threshold": 0.3}}},
    "a Namespace": {"args": argparse.Namespace(lr=0.1, threshold=0.3)},
    "a Namespace in it": {"args": argparse.Namespace(model=argparse.Namespace(thr=0.3))},
    "a DictConfig": {"hyper_parameters": container(model=container(threshold=node(0.3)))},
    "a dictionary of one's own": {"hparams": stand_in("lightning_alike", "AttributeDict", of_dict=True)(threshold=0.3)},
    "of a scheduler, too": {"hyper_parameters": {"threshold": 0.3, "lr_scheduler": {"threshold": 1e-4}}},
}


@pytest.mark.parametrize("where", SETTINGS)
def test_the_threshold_that_a_training_names_is_taken_and_said(where: str, one: State, tmp_path: Path) -> None:
    found = imported({"state_dict": under(one, "model."), **SETTINGS[where]}, tmp_path)
    assert found.model.network.threshold == found.model.config.network.threshold == 0.3
    assert [line for line in found.why if line.startswith("the sigmoid's threshold is 0.3, by ")]
    assert not found.warnings


def test_a_threshold_that_is_given_wins_over_the_trainings(one: State, tmp_path: Path) -> None:
    given = imported({"state_dict": one, **SETTINGS["threshold"]}, tmp_path, network={"threshold": 0.6})
    assert given.model.network.threshold == 0.6


def test_a_threshold_in_a_buffer_is_taken(one: State, tmp_path: Path) -> None:
    for content in ({**under(one, "model."), "threshold": torch.tensor(0.25)}, {**one, "thr": torch.tensor([0.25])}):
        assert imported(content, tmp_path).model.network.threshold == 0.25


def test_thresholds_that_contradict_each_other_are_refused_until_one_is_given(one: State, tmp_path: Path) -> None:
    content = {"state_dict": one, "hyper_parameters": {"threshold": 0.3, "model": {"mask_threshold": 0.4}}}
    with pytest.raises(UserError, match=r"pth: it names several thresholds .*threshold is 0\.3, .*is 0\.4\); give"):
        imported(content, tmp_path)
    assert imported(content, tmp_path, network={"threshold": 0.4}).model.network.threshold == 0.4


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (0.0, "of a logit, 0 is 0.5"),
        (-0.8473, "if it is a logit's, give network={'threshold': 0.3}"),
        (30, "if it is in percent, give network={'threshold': 0.3}"),
        (1, "which is not between 0 and 1"),
        (500, "which is not between 0 and 1"),
    ],
)
def test_a_threshold_that_is_no_probability_is_said(value: float, advice: str, one: State, tmp_path: Path) -> None:
    found = imported({"state_dict": one, "hyper_parameters": {"threshold": value}}, tmp_path)
    [warning] = found.warnings
    assert found.model.network.threshold == 0.5
    assert warning.startswith("network.threshold: taken as 0.5: hyper_parameters.threshold") and advice in warning


@pytest.mark.parametrize("setting", ["nms_threshold", "iou_thr"])
def test_another_threshold_is_not_taken_and_said(setting: str, one: State, tmp_path: Path) -> None:
    found = imported({"state_dict": one, "hyper_parameters": {setting: 0.7}}, tmp_path)
    [warning] = found.warnings
    assert found.model.network.threshold == 0.5 and f"hyper_parameters.{setting} (0.7) was not taken" in warning


def test_thresholds_of_other_things_are_not_the_sigmoids(one: State, tmp_path: Path) -> None:
    settings = {"scheduler": {"threshold": 1e-4}, "early_stopping": {"threshold": 0.2}}
    found = imported({"state_dict": one, "hyper_parameters": settings}, tmp_path)
    assert found.model.network.threshold == 0.5 and "since the file doesn't say" in found.warnings[0]


COUNTS = torch.zeros(4, dtype=torch.int64)
ASIDE: dict[str, tuple[State, str]] = {
    "confusions": ({"val_iou.confmat": torch.zeros(4, 4, dtype=torch.int64)}, "a metric"),
    "counts": ({"train_acc.tp": COUNTS, "train_acc.fp": COUNTS, "train_acc.fn": COUNTS}, "a metric"),
    "a collection": ({"metrics.val.JaccardIndex.confmat": torch.zeros(4, 4)}, "a metric"),
    "a mean": ({"running.mean_value": torch.zeros(()), "running.weight": torch.zeros(())}, "a metric"),
    "an old accuracy": ({"valid_acc.correct": COUNTS, "valid_acc.total": COUNTS}, "a metric"),
    "a loss": ({"loss_fn.weight": torch.ones(4), "criterion.pos_weight": torch.ones(1)}, "a loss"),
    "class weights": ({"class_weights": torch.ones(4), "pos_weight": torch.ones(1)}, "a loss"),
    "a counter": ({"backbone.num_batches_tracked": torch.tensor(3)}, "a counter of batches"),
}


@pytest.mark.parametrize(
    ("aside", "prefix"), [*((aside, "model.") for aside in ASIDE), ("a loss", ""), ("a loss", "net.")]
)
def test_what_is_no_part_of_the_network_is_left_out_and_named(
    aside: str, prefix: str, four: State, tmp_path: Path
) -> None:
    more, whose = ASIDE[aside]
    found = imported({**under(four, prefix), **more}, tmp_path)
    assert found.account.used == len(four)
    [line] = [note for note in found.notes if note.endswith(f": of {whose}, not of the network")]
    assert all(key in line for key in more)


@pytest.mark.parametrize(
    ("name", "inner"),
    [
        *((name, "") for name in ("teacher", "ema_model", "model_ema", "averaged_model")),
        *(("teacher", inner) for inner in ("module.", "module._orig_mod.")),
    ],
)
def test_a_copy_beside_the_bare_network_is_left_out(name: str, inner: str, four: State, tmp_path: Path) -> None:
    copy = {f"{name}.{inner}{key}": torch.zeros_like(value) for key, value in four.items()}
    found = imported({**four, **copy}, tmp_path)
    assert found.account.used == len(four) and f"left out: {name}: a copy of the network" in " ".join(found.notes)
    assert torch.equal(found.model.network.state_dict()["head.classifier.weight"], four["classifier.4.weight"].float())
    # With a key more or less it is no copy.
    del copy[f"{name}.{inner}classifier.4.weight"]
    with pytest.raises(UserError, match="nothing fits"):
        imported({**four, **copy}, tmp_path)


@pytest.mark.parametrize(
    "key", ["model.backbone.extra.weight", "model.backbone.layer1.tp", "model.refiner.weight", "model.acc.weight"]
)
def test_an_unknown_tensor_inside_of_the_network_is_refused(key: str, four: State, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing fits one of its keys"):
        imported({**under(four, "model."), key: torch.ones(4)}, tmp_path)


def test_a_module_beside_the_network_is_said_to_be_missing(four: State, tmp_path: Path) -> None:
    notes = imported({**under(four, "model."), "refiner.weight": torch.ones(3, 3, 1, 1)}, tmp_path).notes
    assert "refiner: not imported; if your network needs it for its output, that will differ" in notes


MEAN, STD = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.5, 0.4, 0.3])


@pytest.mark.parametrize(
    ("outer", "inner", "name", "scale"),
    [
        # Each name in the network; each place, and each scale, with one of them.
        slow_unless(name == "normalize." or (inner == "model." and scale == 1), outer, inner, name, scale)
        for outer, inner in (("", ""), ("model.", ""), ("model.", "model."))
        for name in ("normalize.", "data_preprocessor.", "preprocess.norm.", "pixel_", "input_norm.", "")
        for scale in (1, 255)
    ],
)
def test_a_normalisation_in_the_network_or_beside_it_is_taken(
    outer: str, inner: str, name: str, scale: int, four: State, tmp_path: Path
) -> None:
    buffers = {f"{inner}{name}mean": (MEAN * scale).view(1, 3, 1, 1), f"{inner}{name}std": (STD * scale).view(3, 1, 1)}
    found = imported({**under(four, outer), **buffers}, tmp_path)
    assert found.model.config.preprocessing.mean == pytest.approx((0.1, 0.2, 0.3))
    assert found.model.config.preprocessing.std == pytest.approx((0.5, 0.4, 0.3))
    assert f"taken for pictures in 0..{scale}:" in " ".join(found.notes)


@pytest.mark.parametrize(
    "buffers",
    [
        {"mean": MEAN},
        {"mean": torch.ones(4), "std": torch.ones(4)},
        {"normalize.mean": -MEAN, "normalize.std": STD},
    ],
)
def test_a_normalisation_that_is_not_plain_is_said(buffers: State, four: State, tmp_path: Path) -> None:
    found = imported({**under(four, "model."), **buffers}, tmp_path)
    assert found.model.config.preprocessing.mean == (0.485, 0.456, 0.406)
    assert "are not taken as normalisation" in " ".join(found.notes)


@pytest.mark.parametrize(
    "content",
    [
        {"hyper_parameters": {"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.4, 0.3]}},
        {"datamodule_hyper_parameters": {"image_mean": (25.5, 51.0, 76.5), "image_std": (127.5, 102.0, 76.5)}},
        {"args": argparse.Namespace(data={"normalize": {"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.4, 0.3]}})},
    ],
)
def test_a_normalisation_that_is_stated_is_taken(content: dict[str, Any], four: State, tmp_path: Path) -> None:
    found = imported({"state_dict": four, **content}, tmp_path)
    assert found.model.config.preprocessing.mean == pytest.approx((0.1, 0.2, 0.3))
    assert found.model.config.preprocessing.std == pytest.approx((0.5, 0.4, 0.3))


def test_two_normalisations_that_differ_are_said(four: State, tmp_path: Path) -> None:
    stated = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    content = {"state_dict": {**four, "mean": MEAN, "std": STD}, "hyper_parameters": stated}
    found = imported(content, tmp_path)
    assert found.model.config.preprocessing.mean == pytest.approx((0.1, 0.2, 0.3))
    [warning] = found.warnings
    assert "its buffers mean and std are taken, but" in warning
    assert "hyper_parameters.mean and hyper_parameters.std differ from them" in warning
    given = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
    assert not imported(content, tmp_path, preprocessing=given).warnings


def test_a_mean_in_the_order_of_bgr_is_refused_until_it_is_given(four: State, tmp_path: Path) -> None:
    content = {**four, "pixel_mean": torch.tensor([103.53, 116.28, 123.675]), "pixel_std": torch.ones(3)}
    with pytest.raises(UserError, match="blue, green, red"):
        imported(content, tmp_path)
    given = {"mean": (0.485, 0.456, 0.406), "std": (1.0, 1.0, 1.0)}
    assert imported(content, tmp_path, preprocessing=given).model.config.preprocessing.mean == given["mean"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"num_classes": 19}, "hyper_parameters.num_classes is 19, but its classifier has 4"),
        ({"in_channels": 1}, "hyper_parameters.in_channels is 1, but its first convolution takes 3"),
        ({"ignore_index": 0}, "class 0 was ignored in its training"),
        ({"image_size": 512}, "hyper_parameters.image_size is 512: not taken as a size to test at"),
        ({"activation": "sigmoid"}, "each class has a sigmoid of its own"),
        ({"mode": "multilabel"}, "each class has a sigmoid of its own"),
        ({"loss": "BCEWithLogitsLoss"}, "each class has a sigmoid of its own"),
        ({"threshold": 0.3}, "not taken, since each pixel gets the class that is the likeliest"),
    ],
)
def test_what_differs_from_the_keys_or_is_not_taken_is_said(
    settings: dict[str, Any], said: str, four: State, tmp_path: Path
) -> None:
    found = imported({"state_dict": four, "hyper_parameters": settings}, tmp_path)
    assert said in " ".join(found.describe())


def test_settings_that_agree_with_the_keys_are_not_talked_of(four: State, tmp_path: Path) -> None:
    settings = {"num_classes": 4, "classes": 4, "in_channels": 3, "ignore_index": 255, "activation": "softmax2d"}
    found = imported({"state_dict": four, "hyper_parameters": settings}, tmp_path)
    assert "hyper_parameters." not in " ".join(found.describe())


def test_two_channels_with_a_threshold_name_the_option_that_sets_it(tmp_path: Path) -> None:
    content = {"state_dict": fcn(2), "hyper_parameters": {"activation": "sigmoid", "threshold": 0.3}}
    found = imported(content, tmp_path)
    assert "of two classes, network={'threshold': 0.3} sets it" in " ".join(found.notes) and len(found.warnings) == 1
    assert imported(content, tmp_path, network={"threshold": 0.3}).model.network.threshold == 0.3


@pytest.mark.parametrize(
    "content",
    [
        {"hyper_parameters": {"cfg": {"data": {"class_names": ["a", "b", "c", "d"]}}}},
        {"id2label": {0: "a", 1: "b", 2: "c", 3: "d"}},
        {"datamodule_hyper_parameters": {"labels": ["a", "b", "c", "d"]}},
        {"hyper_parameters": {"classes": ["x", "y"], "data": {"class_names": ["a", "b", "c", "d"]}}},
        {"args": argparse.Namespace(classes=["a", "b", "c", "d"])},
    ],
)
def test_names_are_found_wherever_a_training_states_them(content: dict[str, Any], four: State, tmp_path: Path) -> None:
    assert imported({"state_dict": four, **content}, tmp_path).model.labels.names == ("a", "b", "c", "d")


@pytest.mark.parametrize("average", ["ema_state_dict", "model_ema", "state_dict_ema"])
def test_averaged_weights_beside_the_network_are_said(average: str, four: State, tmp_path: Path) -> None:
    content = {"state_dict": four, average: {key: torch.zeros_like(value) for key, value in four.items()}}
    found = imported(content, tmp_path)
    assert f"the averaged weights in '{average}' were not taken" in " ".join(found.notes)
    assert found.model.network.state_dict()["head.classifier.weight"].abs().sum() > 0


@pytest.mark.parametrize(
    ("prefix", "inner", "dtype"),
    [
        # Each nesting in one precision, each precision in one nesting.
        slow_unless(dtype == torch.float32 or (prefix[:7] + inner) == "module._orig_mod.", prefix, inner, dtype)
        for prefix in ("model._orig_mod.module.net.", "module.model._orig_mod.")
        for inner in ("_orig_mod.", "module.", "_fsdp_wrapped_module.")
        for dtype in (torch.float32, torch.float16, torch.bfloat16)
    ],
)
def test_wrappers_fall_away_in_any_nesting_and_precision(
    prefix: str, inner: str, dtype: torch.dtype, four: State, tmp_path: Path
) -> None:
    wrapped = {
        prefix + key.replace("backbone.", f"backbone.{inner}", 1): value.to(dtype) if value.ndim else value
        for key, value in four.items()
    }
    content = {"state_dict": wrapped, "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}}]}
    found = imported(content, tmp_path)
    state = found.model.network.state_dict()
    for key, value in state.items():
        assert value.dtype in (torch.float32, torch.int64) and torch.equal(
            value, four[theirs(key, NAMES)].to(dtype).to(value.dtype)
        )


def smp_state(classes: int, **network: Any) -> State:
    torch.manual_seed(0)
    settings = NetworkSettings("upernet", channels=16, feature_norm=True, aux=False, align_logits=True)
    names = [*smp.UPERNET, (r"^backbone\.body\.", "encoder.")]
    state = build(BackboneSettings("resnet18", **network), settings, classes).state_dict()
    return {theirs(key, names): value.contiguous() for key, value in state.items()}


@pytest.mark.parametrize("as_file", [False, True])
@pytest.mark.parametrize(
    ("classes", "activation", "warned"),
    [(1, "sigmoid", "taken as 0.5"), (3, "softmax2d", ""), (3, "sigmoid", "a sigmoid of its own"), (1, None, "0.5")],
)
def test_smps_folders_say_how_they_decide(
    classes: int, activation: str | None, warned: str, as_file: bool, tmp_path: Path
) -> None:
    save_file(smp_state(classes), tmp_path / "model.safetensors")
    config = {"_model_class": "UPerNet", "encoder_name": "resnet18", "activation": activation, "classes": classes}
    (tmp_path / "config.json").write_text(json.dumps({**config, "in_channels": 3, "encoder_weights": "imagenet"}))
    found = import_checkpoint(tmp_path / "model.safetensors" if as_file else tmp_path)
    assert isinstance(found, ImportedModel) and len(found.model.labels) == max(2, classes)
    assert warned in " ".join(found.warnings) and bool(found.warnings) == bool(warned)


def test_a_timm_encoder_is_named_by_the_hyper_parameters(tmp_path: Path) -> None:
    torch.manual_seed(0)
    settings = NetworkSettings("upernet", channels=16, feature_norm=True, aux=False, align_logits=True)
    network = build(BackboneSettings("convnext_atto"), settings, 3)
    state = {theirs(key, [*smp.UPERNET, *smp.TIMM]): value for key, value in network.state_dict().items()}
    settings_of = {"arch": "UPerNet", "encoder_name": "tu-convnext_atto", "encoder_weights": "imagenet"}
    found = imported({"state_dict": under(state, "model."), "hyper_parameters": {"model": settings_of}}, tmp_path)
    assert found.model.config.backbone.name == "convnext_atto"
    assert "hyper_parameters.model: encoder tu-convnext_atto with pretrained weights" in " ".join(found.notes)


PROCESSOR = {"do_resize": False, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.4, 0.3]}


@pytest.mark.parametrize("as_file", [False, True])
@pytest.mark.parametrize("above", [False, True])
def test_a_trainers_checkpoint_has_its_image_processor_beside_it_or_above(
    above: bool, as_file: bool, four: State, tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoint-500"
    folder.mkdir()
    save_file({key: value.contiguous() for key, value in four.items()}, folder / "model.safetensors")
    (folder / "trainer_state.json").write_text(json.dumps({"best_model_checkpoint": "out/checkpoint-500"}))
    (folder / "config.json").write_text(json.dumps({"id2label": {"0": "a", "1": "b", "2": "c", "3": "d"}}))
    ((tmp_path if above else folder) / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    found = import_checkpoint(folder / "model.safetensors" if as_file else folder)
    assert isinstance(found, ImportedModel)
    assert found.model.config.preprocessing.mean == (0.1, 0.2, 0.3) and found.model.labels.names == ("a", "b", "c", "d")
    assert any("that of the training's folder" in note for note in found.notes) == above
    (tmp_path / "checkpoint-1000").mkdir()
    (tmp_path / "checkpoint-1000" / "trainer_state.json").write_text(
        json.dumps({"best_model_checkpoint": "out/checkpoint-500"})
    )
    with pytest.raises(UserError, match=r"name one, such as .*checkpoint-500$"):
        import_checkpoint(tmp_path)
