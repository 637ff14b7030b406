"""What people save: wrappers' prefixes, losses beside the network, training's own objects, and names of classes."""

import argparse
import collections
import datetime
import enum
import json
import pathlib
import pickle
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint
from sceneparse.weights.importing.families.torchvision import NAMES
from sceneparse.weights.importing.family import theirs
from sceneparse.weights.importing.given_names import given_names
from tests.support.published import imported

State = dict[str, Tensor]
HALVES = torch.tensor([0.5, 0.5, 0.5])


@pytest.fixture(scope="module")
def state() -> State:
    """A small FCN of torchvision's."""
    torch.manual_seed(0)
    network = build(BackboneSettings("resnet18"), NetworkSettings(architecture="fcn", channels=8), 4)
    return {theirs(key, NAMES): halved(value) for key, value in network.state_dict().items()}


def halved(value: Tensor) -> Tensor:
    """A tensor in half precision, which is written and read in half the time; whole numbers as they are."""
    return value.half() if value.is_floating_point() else value


def under(state: State, prefix: str) -> State:
    return {prefix + key: value for key, value in state.items()}


def zeros(state: State) -> State:
    return {key: torch.zeros_like(value) for key, value in state.items()}


WRAPS: dict[str, Callable[[State], dict[str, Any]]] = {
    "compiled": lambda s: under(s, "_orig_mod."),
    "compiled, distributed": lambda s: under(s, "module._orig_mod."),
    "net in a model": lambda s: {"state_dict": under(s, "model.net.")},
    "a name of one's own": lambda s: {"state_dict": under(s, "segmenter.")},
    "deep": lambda s: {"model": {"state_dict": under(s, "_orig_mod.module.student.network.")}},
    "SWA": lambda s: {"n_averaged": torch.tensor(7), **under(s, "module.")},
    "SWA, compiled": lambda s: {"n_averaged": torch.tensor(7), **under(s, "module._orig_mod.")},
    "Lightning": lambda s: {
        "epoch": 3,
        "global_step": 9,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": {**under(s, "model."), "criterion.weight": torch.ones(4), "loss_fn.ce.weight": torch.ones(4)},
        "hyper_parameters": {"lr": 0.1, "arch": "fcn"},
        "callbacks": {"ModelCheckpoint{'monitor': 'val'}": {"best": "x"}},
        "optimizer_states": [{"state": {0: {"step": torch.zeros(1)}}, "param_groups": [{"lr": 0.1}]}],
    },
    "loss and metrics": lambda s: {
        **under(s, "net."),
        "loss.weight": torch.ones(4),
        "train_metrics.iou.confmat": torch.ones(4, 4),
    },
    "loss in the network": lambda s: {**s, "classifier.loss_decode.class_weight": torch.ones(4)},
    "student and teacher": lambda s: {**under(s, "student."), **under(zeros(s), "teacher.")},
    "model and average": lambda s: {**under(s, "model."), **under(zeros(s), "model_ema.module.")},
    "settings of the model": lambda s: {"model": {"name": "fcn", "depth": 18}, "weights": s},
    "settings of the network": lambda s: {"state_dict": {"epoch": 3}, "net": {"module": under(s, "module.")}},
    "average alone": lambda s: {"ema": under(s, "module."), "epoch": 3},
    "dictionaries": lambda s: {"student": under(s, "module."), "teacher": under(zeros(s), "module."), "epoch": 1},
    "numbers among tensors": lambda s: {**s, "epoch": 3, "best": 0.5, "_extra_state": None},
}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrap", WRAPS)
def test_the_network_is_found_in_every_wrapper(wrap: str, zipped: bool, state: State, tmp_path: Path) -> None:
    if not zipped and wrap not in ("Lightning", "SWA"):
        pytest.skip("the older form of files holds the same pickle")
    path = tmp_path / "a.pth"
    torch.save(WRAPS[wrap](state), path, _use_new_zipfile_serialization=zipped)
    found = import_checkpoint(path)
    assert isinstance(found, ImportedModel)
    for key, value in found.model.network.state_dict().items():
        assert torch.equal(value, state[theirs(key, NAMES)].to(value.dtype)), key
    assert found.account.used == len(state)


def test_what_is_left_beside_the_network_is_named(state: State, tmp_path: Path) -> None:
    content = {"n_averaged": torch.tensor(7), **under(state, "module.student."), "module.criterion.w": torch.ones(2)}
    notes = imported(content, tmp_path).notes
    assert "left out: n_averaged: of a counter of averaged weights, not of the network" in notes
    assert "left out: module.criterion.w: of a loss, not of the network" in notes
    both = imported({**under(state, "student."), **under(state, "teacher.")}, tmp_path).notes
    assert "weights taken from keys that begin with 'student.', beside them: teacher" in both


@pytest.mark.parametrize("folder", ["accelerate", "trainer", "shards"])
def test_folders_of_trainers_are_read(folder: str, state: State, tmp_path: Path) -> None:
    wrapped = under(state, "_orig_mod.")
    (tmp_path / "random_states_0.pkl").write_bytes(b"x")
    if folder == "shards":
        files = {key: f"model-0000{1 + index % 2}-of-00002.safetensors" for index, key in enumerate(wrapped)}
        for file in set(files.values()):
            save_file({key: value for key, value in wrapped.items() if files[key] == file}, tmp_path / file)
        (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    elif folder == "accelerate":
        save_file(wrapped, tmp_path / "model.safetensors")
    else:
        torch.save(wrapped, tmp_path / "pytorch_model.bin")
        (tmp_path / "trainer_state.json").write_text("{}")
    found = import_checkpoint(tmp_path)
    assert isinstance(found, ImportedModel) and found.account.used == len(state)


@pytest.mark.parametrize(
    ("mean", "std", "expected"),
    [
        (torch.tensor([0.1, 0.2, 0.3]), HALVES, (0.1, 0.2, 0.3)),
        (torch.tensor([25.5, 51.0, 76.5]).view(1, 3, 1, 1), 255 * HALVES, (0.1, 0.2, 0.3)),
    ],
)
def test_a_wrappers_normalisation_is_taken_and_said(
    mean: Tensor, std: Tensor, expected: tuple[float, ...], state: State, tmp_path: Path
) -> None:
    for prefix, content in (
        ("", {"mean": mean, "std": std, **under(state, "model.")}),
        ("pixel_", {"state_dict": {"pixel_mean": mean, "pixel_std": std, **under(state, "net.")}}),
    ):
        found = imported(content, tmp_path)
        assert found.model.config.preprocessing.mean == pytest.approx(expected)
        assert found.model.config.preprocessing.std == pytest.approx((0.5, 0.5, 0.5))
        assert any(f"buffers {prefix}mean and {prefix}std" in note for note in found.notes)


class Phase(enum.Enum):
    TRAIN = "train"


def stand_in(module: str, name: str, *, of_dict: bool = False) -> type:
    """A class that seems to live in another package, which the reader must not need."""
    made = type(name, (dict,) if of_dict else (), {"__module__": module})
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        path = ".".join(parts[:count])
        sys.modules.setdefault(path, types.ModuleType(path))
    setattr(sys.modules[module], name, made)
    return made


def objects() -> dict[str, Any]:
    """What training scripts leave beside their weights."""
    history = stand_in("mmengine_like.logging.history_buffer", "HistoryBuffer")()
    history.__dict__.update(log=np.arange(5.0), count=np.ones(3, dtype=np.int64))
    config = stand_in("omegaconf_like.dictconfig", "DictConfig")()
    config.__dict__.update(content={"lr": 0.1, Phase.TRAIN: 1, (1, 2): 3}, parent=None, kinds={int, float})
    ordered = stand_in("addict_like", "Dict", of_dict=True)(a=1)
    return {
        "HistoryBuffer": {"train/loss": history},
        "PosixPath": pathlib.PurePosixPath("/data/set"),
        "scalar": np.float64(0.7),
        "dtype": {"array": np.arange(4, dtype=np.float32), "word": np.array(["a", "b"]), "truth": np.bool_(True)},
        "Namespace": argparse.Namespace(lr=0.1, sub=argparse.Namespace(x=[1, {2}])),
        "DictConfig": config,
        "Dict": ordered,
        "Phase": {"phase": Phase.TRAIN, "when": datetime.datetime(2024, 1, 2, 3, 4)},
        "deque": collections.deque([1, 2], maxlen=5),
        "SimpleNamespace": types.SimpleNamespace(a=1, inner=[torch.zeros(3)]),
    }


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("name", objects())
def test_objects_of_a_training_are_left_inert_and_listed(
    name: str, protocol: int, zipped: bool, tmp_path: Path
) -> None:
    from sceneparse.weights.importing.reading import read_checkpoint

    content = {"state_dict": {"a.b": torch.arange(6.0), "a.c": torch.ones(2)}, "message_hub": objects()[name]}
    path = tmp_path / "a.pth"
    torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    found = read_checkpoint(path)
    assert torch.equal(found.tensors["a.b"], torch.arange(6.0)) and found.shapes["a.c"] == (2,)
    [line] = [note for note in found.notes if "also names" in note]
    assert name in line and "nothing of it was run" in line


class Called:
    """An object of a module's function, called when it is read by pickle."""

    def __init__(self, called: Any, *arguments: Any) -> None:
        self.called, self.arguments = called, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.called, self.arguments


@pytest.mark.parametrize(
    "made", [lambda m: Called(exec, f"open({str(m)!r}, 'w')"), lambda m: Called(open, str(m), "w")]
)
@pytest.mark.parametrize("place", ["beside", "inside"])
def test_what_runs_programs_is_refused_wherever_it_stands(made: Any, place: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    weights: dict[str, Any] = {"a.b": torch.ones(2)}
    hostile = made(mark)
    content = {"state_dict": weights, "extra": hostile} if place == "beside" else {**weights, "extra": hostile}
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(UserError, match="nothing in it was run"):
        imported_path(tmp_path / "a.pth")
    assert not mark.exists()


def imported_path(path: Path) -> Any:
    return import_checkpoint(path)


def test_a_harmless_looking_call_is_not_made_either(state: State, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    torch.save({"state_dict": state, "extra": Called(pathlib.Path.touch, mark)}, tmp_path / "a.pth", pickle_protocol=4)
    found = import_checkpoint(tmp_path / "a.pth")
    assert isinstance(found, ImportedModel) and not mark.exists()
    assert pickle.dumps(mark)  # it could have been read


@pytest.mark.parametrize("where", ["dataset_meta", "hyper_parameters", "class_names", "CLASSES"])
def test_names_that_a_file_gives_win(where: str, state: State, tmp_path: Path) -> None:
    names = ["road", "other", "other", ""]
    content: dict[str, Any] = {"state_dict": state}
    if where == "dataset_meta":
        content["meta"] = {"dataset_meta": {"classes": names}}
    elif where == "hyper_parameters":
        content[where] = {"class_names": names, "lr": 0.1}
    else:
        content[where] = tuple(names)
    found = imported(content, tmp_path)
    assert found.model.labels.names == ("road", "other", "other 2", "class 3")
    assert "several classes are called 'other': class 2 is 'other 2'" in found.classes
    assert "class 3 has no name" in found.classes


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["a", "a", "a"], ("a", "a 2", "a 3")),
        (["a", "a", "a 2"], ("a", "a 3", "a 2")),
        (["a", None, ""], ("a", "class 1", "class 2")),
        (["class 1", None], ("class 1", "class 1 2")),
        ([" a ", "a"], ("a", "a 2")),
        ({"0": "a", "2": "c"}, ("a", "class 1", "c")),
        ({0: "a", 1: "a"}, ("a", "a 2")),
        ({"0": 1, "1": 2.5}, ("1", "2.5")),
        ({"0": 1, "1": 2}, ("1", "2")),
        ({"b": 1, "a": 0}, ("a", "b")),
        ({"b": 2, "1": 0}, ("1", "class 1", "b")),
        ({"b": 1, "a": 1}, None),
        ({"b": -1, "a": 0}, None),
        (["LABEL_0", "LABEL_1"], None),
        ([], None),
        ("road", None),
        ({"x": "a"}, None),
        ({str(10**9): "a"}, None),
        ([{"name": "a"}], None),
    ],
)
def test_equal_and_missing_names_are_told_apart(given: Any, names: tuple[str, ...] | None) -> None:
    found = given_names(given)
    assert (None if found is None else found.names) == names


@pytest.mark.parametrize("count", [20, 21])
def test_twenty_one_names_of_ones_own_are_not_pascals(count: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build(BackboneSettings("resnet18"), NetworkSettings(architecture="fcn", channels=8), 21)
    state = {theirs(key, NAMES): value for key, value in network.state_dict().items()}
    own = [f"thing {index}" for index in range(18)] + ["other", "other"]
    torch.save(state, tmp_path / "pytorch_model.bin")
    names = {str(index): name for index, name in enumerate([*own, ""][:count])}
    (tmp_path / "config.json").write_text(json.dumps({"id2label": names}))
    found = import_checkpoint(tmp_path)
    assert isinstance(found, ImportedModel)
    assert found.model.labels.names == (*own[:19], "other 2", "class 20")
    # A list of another length says nothing of which class lacks a name, so that all are numbered, and that is said.
    listed = imported({"state_dict": state, "CLASSES": own}, tmp_path)
    assert listed.model.labels.names[0] == "class 0" and "names 20, but has 21" in listed.classes


def about_average(path: Path) -> str:
    found = import_checkpoint(path)
    assert isinstance(found, ImportedModel)
    [said] = [note for note in found.notes if "averaged weights" in note]
    return said


@pytest.mark.parametrize("mark", [{"message_hub": {}}, {"meta": {"mmengine_version": "0.10.4"}}])
def test_of_mmengine_the_average_is_what_it_saves_as_the_state_dict(
    mark: dict[str, Any], state: State, tmp_path: Path
) -> None:
    raw = {"steps": torch.tensor(5), **under(zeros(state), "module.")}
    torch.save({"meta": {}, **mark, "state_dict": state, "ema_state_dict": raw}, tmp_path / "epoch_1.pth")
    said = about_average(tmp_path / "epoch_1.pth")
    assert said.startswith("MMEngine saves the averaged weights as 'state_dict', which is taken")


AVERAGES: dict[str, Callable[[State], Any]] = {
    "torch_ema": lambda s: {
        "decay": 0.99,
        "num_updates": 4,
        "shadow_params": list(s.values()),
        "collected_params": None,
    },
    "under a name": lambda s: {"decay": 0.99, "shadow": s},
    "parameters alone": lambda s: {key: value for key, value in s.items() if "running_" not in key},
}


@pytest.mark.parametrize("form", AVERAGES)
def test_an_average_that_is_no_state_dict_is_not_advised_to_be_imported(
    form: str, state: State, tmp_path: Path
) -> None:
    torch.save({"state_dict": state, "ema": AVERAGES[form](state)}, tmp_path / "last.pth")
    said = about_average(tmp_path / "last.pth")
    assert "no whole state_dict" in said and "copy_to" in said
    torch.save(AVERAGES[form](state), tmp_path / "ema.pth")
    with pytest.raises(UserError):
        import_checkpoint(tmp_path / "ema.pth")


@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_advice_to_import_an_average_works_when_it_is_followed(prefix: str, state: State, tmp_path: Path) -> None:
    average = {"updates": 4, "module": under(state, prefix)}
    torch.save({"model": zeros(state), "ema": average}, tmp_path / "last.pth")
    assert "save what is under 'ema' as a file of its own" in about_average(tmp_path / "last.pth")
    torch.save(average, tmp_path / "ema.pth")
    found = import_checkpoint(tmp_path / "ema.pth")
    assert isinstance(found, ImportedModel)
    weight = found.model.network.state_dict()["head.classifier.weight"]
    assert any(weight.shape == one.shape and torch.equal(weight, one.float()) for one in state.values())
