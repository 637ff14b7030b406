"""Every public call refuses what it cannot take: in one line, in Python's words, before any work is done."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import sceneparse
from sceneparse import Parse, Parser, UserError
from sceneparse.evaluation.reading import spaced
from sceneparse.labels import LabelSpace
from sceneparse.parsing import TaskMap
from sceneparse.settings import (
    AugmentationSettings,
    BackboneSettings,
    DataSettings,
    LossSettings,
    NetworkSettings,
    OptimizerSettings,
    ProtocolSettings,
    TrainingSettings,
)
from sceneparse.settings.classes import ClassSettings
from tests.support.brightest import brightest_parser

SPACE = LabelSpace(("brick", "grass", "water"))
PIXELS = np.zeros((4, 6, 3), np.uint8)
WHOLE = "such as ProtocolSettings('whole', flip=True) of sceneparse.settings"
A_MODEL = "a model folder, a published checkpoint's name, a hub id or an exported file"
RANGES = "but must be pairs of numbers, what becomes black and what becomes white, such as [(0, 4095)], or None"
SIZE = "but must be a height and a width in pixels, such as (480, 640), or None"
INDICES = "but must have indices of 3 classes, 0 to 2, or -1 where there is none"
IMAGE = torch.zeros(3, 4, 6, dtype=torch.uint8)
PICTURE = (
    "give a file name, a file that is open, its content as bytes, a PIL image, a uint8 array (H, W, 3) or a uint8 "
    "tensor (C, H, W)"
)


@pytest.fixture(scope="module")
def parser() -> Parser:
    return brightest_parser(labels=SPACE)


def parse_of(**changes: Any) -> Parse:
    labels, confidence = np.zeros((4, 6), np.int16), np.ones((4, 6), np.float32)
    given: dict[str, Any] = {"pixels": PIXELS, "labels": labels, "confidence": confidence, "space": SPACE}
    return Parse(**{**given, "model": "m", "protocol": None, **changes})


LOAD: list[tuple[dict[str, Any], str]] = [
    ({"model": 3}, f"model is 3, but must be {A_MODEL}"),
    ({"model": ""}, "model is empty: name one"),
    ({"protocol": "whole"}, f"protocol is 'whole', but must be settings, {WHOLE}"),
    ({"protocol": 3}, f"protocol is 3, but must be settings, {WHOLE}"),
    ({"protocol": {"flop": True}}, "given settings: unknown setting 'protocol.flop'; did you mean 'protocol.flip'?"),
    ({"protocol": {"flip": "x"}}, "given settings: protocol.flip is 'x', but must be true or false or null"),
    ({"engine": 3}, "engine is 3, but must be one of auto, torch, compile, openvino, onnxruntime"),
    ({"device": 3}, "device is 3, but must be one of auto, cpu, cuda, cuda:N, mps, xpu or xpu:N"),
    ({"engine": "tensorrt"}, "engine 'tensorrt' is unknown: use auto, torch, compile, openvino, onnxruntime"),
    ({"precision": "int8"}, "precision is 'int8', but must be one of auto, float32, tf32, bfloat16, float16"),
    ({"tasks": ["mood"]}, "task 'mood' is unknown: use scene, object, part, material, texture"),
    ({"tasks": "part"}, "tasks is 'part', but must be a list of names, such as ['part']"),
    ({"tasks": [3]}, "tasks is [3], but must be a list of names, such as ['part']"),
]

EVALUATE: list[tuple[dict[str, Any], str]] = [
    ({"model": 3}, f"model is 3, but must be {A_MODEL}"),
    ({"data": 3}, "data is 3, but must be the data set's folder, or DataSettings"),
    ({"kind": 3}, "kind is 3, but must be a name or None"),
    ({"split": ["val"]}, "split is ['val'], but must be a name or None"),
    ({"out": 3}, "out is 3, but must be a folder or None"),
    ({"count": 0}, "count is 0, but must be a whole number of at least 1"),
    ({"count": "3"}, "count is '3', but must be a whole number of at least 1"),
    ({"protocol": "whole"}, f"protocol is 'whole', but must be settings, {WHOLE}"),
    ({"device": None}, "device is None, but must be one of auto, cpu, cuda, cuda:N, mps, xpu or xpu:N"),
    ({"progress": "no"}, "progress is 'no', but must be True or False"),
]

EXPORT: list[tuple[dict[str, Any], str]] = [
    ({"model": 3}, "model is 3, but must be a model folder, a published checkpoint's name or a hub id"),
    ({"format": "pt"}, "format is 'pt', but must be one of openvino, onnx, torch"),
    ({"out": 3}, "out is 3, but must be a file or None"),
    ({"int8": "yes"}, "int8 is 'yes', but must be True or False"),
    ({"int8": True}, "int8 needs pictures to take its ranges from: name some in calibration"),
    ({"int8": True, "format": "onnx"}, "int8 is for format='openvino'; export onnx and torch in float32"),
    ({"calibration": "x.png"}, "calibration and data are for int8=True; leave them out, or give that"),
    ({"calibration": 3}, "calibration is 3, but must be pictures, folders and patterns: paths in a list"),
    ({"count": 0.5}, "count is 0.5, but must be a whole number of at least 1"),
]

DIAGNOSE: list[tuple[dict[str, Any], str]] = [
    *EVALUATE[:-2],
    ({"model": None}, f"model is None, but must be {A_MODEL}"),
    ({"comparison": 3}, f"comparison is 3, but must be {A_MODEL}"),
    ({"learn_split": 3}, "learn_split is 3, but must be a name or None"),
    ({"learn_count": "5"}, "learn_count is '5', but must be a whole number of at least 1"),
    ({"learn_count": 0}, "learn_count is 0, but must be a whole number of at least 1"),
    ({"progress": "no"}, "progress is 'no', but must be True or False"),
]

COMPARE: list[tuple[dict[str, Any], str]] = [
    ({"runs": "runs/a"}, "runs/a: there is no such run folder"),
    ({"runs": Path("runs/a")}, "runs/a: there is no such run folder"),
    ({"runs": [3]}, "runs is [3], but must be run folders: paths in a list"),
    ({"runs": None}, "runs is None, but must be run folders: paths in a list"),
    ({"runs": []}, "no run to compare: name one or more run folders, such as runs/a runs/b"),
    ({"out": 3}, "out is 3, but must be a folder or None"),
    ({"progress": 1}, "progress is 1, but must be True or False"),
]

TRAIN: list[tuple[dict[str, Any], str]] = [
    ({"recipe": 3}, "recipe is 3, but must be a Recipe, or the name or the file of one"),
    ({"out": 3}, "out is 3, but must be a folder or None"),
    ({"resume": "yes"}, "resume is 'yes', but must be True or False"),
    ({"strategy": "dp"}, "strategy is 'dp', but must be one of auto, ddp, fsdp"),
]

PREDICT: list[tuple[dict[str, Any], str]] = [
    ({"parser": 3}, "parser is 3, but must be a Parser, or a model as sceneparse.load takes it"),
    ({"inputs": 3}, "inputs is 3, but must be files, folders and patterns: paths in a list"),
    ({"out": None}, "out is None, but must be a folder"),
    ({"overlay": 1}, "overlay is 1, but must be True or False"),
    ({"without": "x"}, "without is 'x', but must be a set of paths"),
    ({"write": "labels"}, "write is 'labels', but must be a list of names, such as ['labels']"),
    ({"write": ["labels"], "overlay": False}, "write says what is written: leave overlay=False out"),
    ({"legend": "left"}, "legend is 'left', but must be one of auto, below, none"),
    ({"legend": "none", "overlay": False}, "legend='none': no overlay is drawn that could have a legend"),
    ({"ignore_below": 2}, "ignore_below is 2, but must be a probability above 0 and at most 1, such as 0.9"),
    ({"ignore_below": "0.9"}, "ignore_below is '0.9', but must be a probability above 0 and at most 1, such as 0.9"),
]

BUILD: list[tuple[dict[str, Any], str]] = [
    ({"backbone": "resnet50"}, "backbone is 'resnet50', but must be BackboneSettings of sceneparse.settings"),
    ({"network": "pspnet"}, "network is 'pspnet', but must be NetworkSettings of sceneparse.settings"),
    ({"num_classes": 0}, "num_classes is 0, but must be a whole number of at least 1"),
]


def any_of(call: Any) -> Any:
    """A call that no type checker looks at, as in a notebook."""
    return call


def refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        call()
    assert str(caught.value) == message


@pytest.mark.parametrize(("given", "message"), LOAD)
def test_load(given: dict[str, Any], message: str) -> None:
    refused(lambda: sceneparse.load(**{"model": "nowhere", **given}), message)


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="this machine has it")
def test_a_device_that_is_not_there_is_named_with_one_that_is() -> None:
    message = "device 'mps' is not there: this machine has 0 MPS devices (they are the GPUs of Macs with Apple's chips)"
    for call in (sceneparse.load, sceneparse.evaluate):
        refused(lambda call=call: call("nowhere", device="mps"), f"{message}; use device='cpu'")  # type: ignore[misc]


@pytest.mark.parametrize(("given", "message"), EVALUATE)
def test_evaluate(given: dict[str, Any], message: str) -> None:
    refused(lambda: sceneparse.evaluate(**{"model": "nowhere", **given}), message)


@pytest.mark.parametrize(("given", "message"), DIAGNOSE)
def test_diagnose(given: dict[str, Any], message: str) -> None:
    refused(lambda: sceneparse.diagnose(**{"model": "nowhere", **given}), message)


@pytest.mark.parametrize(("given", "message"), [one for one in EVALUATE if not {"protocol", "device"} & set(one[0])])
def test_calibrate(given: dict[str, Any], message: str) -> None:
    refused(lambda: sceneparse.calibrate(**{"model": "nowhere", **given}), message)


def test_a_data_set_and_a_format_may_follow_the_model_without_their_names() -> None:
    calls: list[Any] = [sceneparse.evaluate, sceneparse.diagnose, sceneparse.calibrate]
    for call in calls:
        refused(lambda call=call: call("nowhere", 3), "data is 3, but must be the data set's folder, or DataSettings")  # type: ignore[misc]
    export: Any = sceneparse.export
    refused(lambda: export("nowhere", "tflite"), "format is 'tflite', but must be one of openvino, onnx, torch")


@pytest.mark.parametrize(("given", "message"), COMPARE)
def test_compare(given: dict[str, Any], message: str) -> None:
    refused(lambda: sceneparse.compare(**{"runs": ["runs/a"], **given}), message)


@pytest.mark.parametrize("count", [2.5, "3", True, 0])
def test_what_is_evenly_spaced_is_counted_in_whole_numbers(count: Any) -> None:
    refused(lambda: spaced(10, count), f"count is {count!r}, but must be a whole number of at least 1")


@pytest.mark.parametrize(("given", "message"), EXPORT)
def test_export(given: dict[str, Any], message: str) -> None:
    refused(lambda: sceneparse.export(**{"model": "nowhere", "format": "openvino", **given}), message)


@pytest.mark.parametrize(("given", "message"), TRAIN)
def test_train(given: dict[str, Any], message: str) -> None:
    refused(lambda: sceneparse.train(**{"recipe": "toy-pspnet", **given}), message)


@pytest.mark.parametrize(("given", "message"), PREDICT)
def test_predict(given: dict[str, Any], message: str, parser: Parser, tmp_path: Path) -> None:
    refused(lambda: sceneparse.predict(**{"parser": parser, "inputs": ["x.png"], "out": tmp_path, **given}), message)


@pytest.mark.parametrize(("given", "message"), BUILD)
def test_build(given: dict[str, Any], message: str) -> None:
    usual = {"backbone": BackboneSettings(), "network": NetworkSettings(), "num_classes": 2}
    refused(lambda: sceneparse.build(**{**usual, **given}), message)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: any_of(sceneparse.read_recipe)(3), "recipe is 3, but must be the name of a recipe or a .yaml file"),
        (
            lambda: any_of(Parser)("runs/model"),
            "opened is 'runs/model', but must be an opened model: sceneparse.load opens one and makes a Parser of it",
        ),
        (
            lambda: any_of(ProtocolSettings)("sliding"),
            "protocol.name is 'sliding', but must be one of whole, window, semseg, mmseg, csail",
        ),
        (
            lambda: any_of(ProtocolSettings)(scales=2),
            "protocol.scales is 2, but must be a list of numbers or None",
        ),
        (
            lambda: any_of(ProtocolSettings)(window=512),
            "protocol.window is 512, but must be two whole numbers or None",
        ),
        (
            lambda: any_of(ProtocolSettings)(resize="shrt"),
            "protocol.resize is 'shrt', but must be one of none, long, short, square, fixed or None",
        ),
        (
            lambda: any_of(ProtocolSettings)(name=None),
            "protocol.name is None, but must be one of whole, window, semseg, mmseg, csail",
        ),
        (lambda: any_of(ProtocolSettings)(flip="yes"), "protocol.flip is 'yes', but must be True or False or None"),
        (lambda: any_of(ProtocolSettings)(stride="2/3"), "protocol.stride is '2/3', but must be a number or None"),
        (lambda: any_of(DataSettings)(kind=3), "data.kind is 3, but must be text"),
        (lambda: any_of(DataSettings)(toyworld=96), "data.toyworld is 96, but must be ToyWorldSettings"),
        (lambda: any_of(DataSettings)(options=[1]), "data.options is [1], but must be a mapping"),
        (lambda: any_of(TrainingSettings)(iterations="2k"), "training.iterations is '2k', but must be a whole number"),
        (lambda: any_of(TrainingSettings)(batch=True), "training.batch is True, but must be a whole number or auto"),
        (lambda: any_of(OptimizerSettings)(lr="x"), "optimizer.lr is 'x', but must be a number"),
        (lambda: any_of(NetworkSettings)(kernel=True), "network.kernel is True, but must be one of 1, 3"),
        (
            lambda: any_of(NetworkSettings)(bins=(1, "2")),
            "network.bins is (1, '2'), but must be a list of whole numbers",
        ),
        (lambda: any_of(AugmentationSettings)(crop=3), "augmentation.crop is 3, but must be two whole numbers or None"),
        (
            lambda: any_of(LossSettings)(class_weights="mean"),
            "loss.class_weights is 'mean', but must be median or a list of numbers or None",
        ),
        (
            lambda: parse_of(pixels=np.zeros((4, 5), np.uint8)),
            "pixels is an array of uint8, shape (4, 5), but must be an array of uint8, shape (h, w, 3)",
        ),
        (
            lambda: parse_of(labels=np.zeros((4, 6))),
            "labels is an array of float64, shape (4, 6), but must be an array of int16, shape (H, W)",
        ),
        (
            lambda: parse_of(confidence=torch.zeros(4, 6)),
            "confidence is a tensor of float32, shape (4, 6), but must be an array of float32, shape (4, 6)",
        ),
        (lambda: parse_of(space=["a"]), "space is ['a'], but must be a LabelSpace"),
        (lambda: parse_of(labels=np.full((4, 6), 3, np.int16)), f"labels has values from 3 to 3, {INDICES}"),
        (lambda: parse_of(labels=np.full((4, 6), -2, np.int16)), f"labels has values from -2 to -2, {INDICES}"),
        (
            lambda: parse_of(confidence=np.full((4, 6), np.nan, np.float32)),
            "confidence has values from nan to nan, but must have probabilities, 0 to 1",
        ),
        (
            lambda: TaskMap(np.zeros((4, 6), np.int16), np.full((4, 6), 2, np.float32), SPACE),
            "confidence has values from 2 to 2, but must have probabilities, 0 to 1",
        ),
    ],
)
def test_recipes_and_what_is_made_by_hand(call: Callable[[], Any], message: str) -> None:
    refused(call, message)


ON_PARSER: list[tuple[Callable[[Any], Any], str]] = [
    (lambda parser: parser(3), f"a picture cannot be of type int: {PICTURE}"),
    (lambda parser: parser({"a": 1}), f"a picture cannot be of type dict: {PICTURE}"),
    (lambda parser: next(parser([3])), f"a picture cannot be of type int: {PICTURE}"),
    (
        lambda parser: parser(np.zeros((2, 4, 6, 3), np.uint8)),
        "an array of shape (2, 4, 6, 3) is no picture: give a uint8 array of shape (H, W, 3) or (H, W), values 0..255",
    ),
    (lambda parser: parser.many("a.jpg"), "pictures is 'a.jpg', but must be several pictures, such as a list of them"),
    (lambda parser: parser.many(3), "pictures is 3, but must be several pictures, such as a list of them"),
    (lambda parser: parser.with_ranges([(0,)]), f"ranges is [(0,)], {RANGES}"),
    (lambda parser: parser.with_ranges(["ab"]), f"ranges is ['ab'], {RANGES}"),
    (lambda parser: parser.with_ranges(4095), f"ranges is 4095, {RANGES}"),
    (lambda parser: parser.with_ranges({0: 4095}), f"ranges is {{0: 4095}}, {RANGES}"),
    (lambda parser: parser.with_ranges((0, 4095, 1)), f"ranges is (0, 4095, 1), {RANGES}"),
    (lambda parser: parser.parse(IMAGE, size=(8,)), f"size is (8,), {SIZE}"),
    (lambda parser: parser.parse(IMAGE, size=(-8, 8)), f"size is (-8, 8), {SIZE}"),
    (lambda parser: parser.parse(IMAGE, size="ab"), f"size is 'ab', {SIZE}"),
    (lambda parser: parser.parse_batch(IMAGE[None], size=(8.0, 8)), f"size is (8.0, 8), {SIZE}"),
    (lambda parser: parser.open(PIXELS, shown="no"), "shown is 'no', but must be True or False"),
    (lambda parser: parser.open(b"", header="PNG"), "header is 'PNG', but must be the Header of a file"),
    (
        lambda parser: parser.parse_read(PIXELS),
        "read is an array of uint8, shape (4, 6, 3), but must be what `open` returns",
    ),
    (lambda parser: parser.with_protocol("whole"), f"protocol is 'whole', but must be settings, {WHOLE}"),
    (
        lambda parser: parser.parse(torch.zeros(3, 4, 6)),
        "image is a tensor of float32, shape (3, 4, 6), but must be a tensor of uint8, shape (3, H, W)",
    ),
    (
        lambda parser: parser.parse(PIXELS),
        "image is an array of uint8, shape (4, 6, 3), but must be a tensor of uint8, shape (3, H, W)",
    ),
    (
        lambda parser: parser.parse_batch(torch.zeros(3, 4, 6, dtype=torch.uint8)),
        "images is a tensor of uint8, shape (3, 4, 6), but must be a tensor of uint8, shape (N, 3, H, W)",
    ),
    (lambda parser: parser.push_to_hub(3), "repo_id is 3, but must be a hub id such as 'user/name'"),
    (lambda parser: parser.push_to_hub("a/b", private=1), "private is 1, but must be True or False"),
]


def test_a_path_is_taken_for_the_text_that_a_setting_is() -> None:
    settings = any_of(DataSettings)(root=Path("data"), classes=ClassSettings(drop=("sky",)))
    assert settings.root == "data"


@pytest.mark.parametrize(("call", "message"), ON_PARSER)
def test_methods_of_a_parser(call: Callable[[Any], Any], message: str, parser: Parser) -> None:
    refused(lambda: call(parser), message)


def test_one_path_is_taken_for_a_list_of_one(parser: Parser, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"x\.png"):
        sceneparse.predict(parser, "x.png", tmp_path / "out", progress=False)
