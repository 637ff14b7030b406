"""The scores of a mirror image are turned back with left classes in the place of right ones."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sceneparse.inference import (
    PRESETS,
    TestProtocol,
    TorchEngine,
    label,
    make_engine,
    onnx_engine,
    openvino_engine,
    predict,
    predict_batch,
    predict_tasks,
    predict_tasks_batch,
    scores,
)
from sceneparse.inference.choosing import EngineName, FittingEngine
from sceneparse.inference.exported_file import Note
from sceneparse.inference.mirroring import mirror_image_of
from sceneparse.inference.program import Program, ProgramEngine, Traits
from sceneparse.inference.smoothing import SmoothedEngine
from sceneparse.labels import LabelSpace, PartTree, TaskLabels
from sceneparse.networks import UnifiedOutput
from sceneparse.settings import BackboneSettings, DataSettings, NetworkSettings, PreprocessingSettings, ProtocolSettings
from sceneparse.weights.build import build
from sceneparse.weights.config import ModelConfig
from sceneparse.weights.model import Model, load_model, save_model
from tests.support.conversions import Conversions
from tests.support.engines import converted_network

LABELS = LabelSpace(("floor", "left door", "right door"), mirror=(("left door", "right door"),))
TREE = PartTree(LABELS, LabelSpace(("left hinge", "right hinge"), mirror=(("left hinge", "right hinge"),)),
                ((0, 1), (0,), (1,)))  # fmt: skip
TASKS = TaskLabels(
    LABELS,
    scenes=LabelSpace(("left lane", "right lane", "square"), mirror=(("left lane", "right lane"),)),
    tree=TREE,
    materials=LabelSpace(("warp", "weft"), mirror=(("warp", "weft"),)),
    textures=LabelSpace(("dots", "lines")),
)
PROTOCOLS = {
    "whole": TestProtocol(flip=True),
    "probabilities": TestProtocol(flip=True, average="probabilities"),
    "scales": TestProtocol(flip=True, scales=(0.5, 1.0, 1.25)),
    "resized twice": TestProtocol("mmseg", resize="short", size=40, upsampling="twice", flip=True),
    "crf": TestProtocol(flip=True, crf=True),
    "windows": TestProtocol("window", window=(24, 28), flip=True),
    "padded windows": TestProtocol("window", window=(64, 28), flip=True, average="probabilities"),
    "hann": TestProtocol("window", window=(24, 28), stride=0.5, blend="hann", flip=True, average="probabilities"),
    "semseg": TestProtocol("semseg", resize="long", size=80, window=(40, 40), flip=True, average="probabilities"),
    "csail": TestProtocol("csail", resize="short", size=40, scales=(1.0, 1.5), flip=True, multiple=8),
}


def unflipped(protocol: TestProtocol) -> TestProtocol:
    return TestProtocol(**{**vars(protocol), "flip": False})


class Sides:
    """Scores of left and right by how far to the left and to the right a pixel lies.

    A mirror image has the same scores, mirrored and with left and right swapped, to the last bit.
    """

    name, precision, align_corners = "sides", "float32", False
    padding_color = (10.0, 20.0, 30.0)

    def __init__(self, mirror_image: Sequence[int], num_classes: int = 3) -> None:
        self.num_classes, self.mirror_image = num_classes, tuple(mirror_image)

    def __call__(self, images: Tensor) -> Tensor:
        return self.heads(images, ()).logits

    def heads(self, images: Tensor, tasks: Sequence[str]) -> UnifiedOutput:  # noqa: ARG002 - an engine's argument
        pixels = images.float() / 25
        side = torch.linspace(3, 0, images.shape[-1])
        left, right = side + pixels[:, 1], side.flip(-1) + pixels[:, 1]
        floor, more = pixels[:, 0], pixels[:, 2]
        # Of each object: nothing, then its hinges; the left door has the left one, the right door the right one.
        part = torch.stack([floor, left, right, more, left * 2, more, right * 2], dim=1)
        middle = images.shape[-1] // 2
        lefts, rights = pixels[..., :middle].mean(dim=(1, 2, 3)), pixels.flip(-1)[..., :middle].mean(dim=(1, 2, 3))
        return UnifiedOutput(
            scene=torch.stack([2 * lefts, 2 * rights, lefts + rights], dim=1),
            object=torch.stack([floor, left, right], dim=1),
            part=part,
            material=torch.stack([left, right], dim=1),
            texture=torch.stack([floor, more], dim=1),
        )

    def describe(self) -> str:
        return self.name


@pytest.fixture
def image() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 100, (3, 52, 74), generator=generator)
    return (noise + torch.arange(74)).to(torch.uint8)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_an_engine_to_which_the_mirror_image_says_the_same_gives_the_same_scores(name: str, image: Tensor) -> None:
    engine, protocol = Sides(LABELS.mirror_image), PROTOCOLS[name]
    plain = scores(engine, image, unflipped(protocol))
    assert torch.equal(scores(engine, image, protocol), plain)
    assert torch.equal(label(engine, image, protocol), label(engine, image, unflipped(protocol)))
    found, without = predict(engine, image, protocol), predict(engine, image, unflipped(protocol))
    assert torch.equal(found.labels, without.labels) and torch.equal(found.confidence, without.confidence)
    unpaired = Sides(())
    assert not torch.equal(scores(unpaired, image, protocol), plain)


def test_every_known_protocol_that_flips_is_among_those_that_are_tried() -> None:
    assert {name for name, protocol in PRESETS.items() if protocol.flip} <= {one.name for one in PROTOCOLS.values()}


@pytest.mark.parametrize("name", ["whole", "probabilities", "scales"])
def test_pictures_of_a_batch_have_the_labels_that_they_have_alone(name: str, image: Tensor) -> None:
    engine, images = Sides(LABELS.mirror_image), torch.stack([image, image.flip(-2), image.flip(-1)])
    for found, one in zip(predict_batch(engine, images, PROTOCOLS[name]), images, strict=True):
        assert torch.equal(found.labels, predict(engine, one, unflipped(PROTOCOLS[name])).labels)


def test_engines_around_an_engine_know_what_it_knows(image: Tensor) -> None:
    engine, protocol = Sides(LABELS.mirror_image), PROTOCOLS["whole"]
    smoothed = SmoothedEngine(engine, 0.5)
    smoothed.begin_frame()
    plain = label(engine, image, unflipped(protocol))
    assert torch.equal(label(smoothed, image, protocol), plain)
    assert torch.equal(label(smoothed.unsmoothed(), image, protocol), plain)
    assert torch.equal(label(FittingEngine(engine, lambda: engine), image, protocol), plain)


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if name != "crf"])
def test_every_task_of_a_picture_has_the_answers_that_it_has_without_its_mirror_image(name: str, image: Tensor) -> None:
    engine, protocol = Sides(LABELS.mirror_image), PROTOCOLS[name]
    found, plain = (predict_tasks(engine, image, one, TASKS) for one in (protocol, unflipped(protocol)))
    assert found.scene is not None and plain.scene is not None
    torch.testing.assert_close(found.scene, plain.scene, rtol=1e-6, atol=1e-7)
    assert found.answers().keys() == plain.answers().keys() and len(found.answers()) == 5
    assert all(torch.equal(answer, plain.answers()[task]) for task, answer in found.answers().items())
    unpaired = predict_tasks(engine, image, protocol, TASKS.with_mirror({}))
    assert not torch.equal(unpaired.answers()["part"], plain.answers()["part"])  # type: ignore[index]
    assert unpaired.scene is not None and not torch.allclose(unpaired.scene, plain.scene)


def test_every_task_of_a_batch_too(image: Tensor) -> None:
    engine, images = Sides(LABELS.mirror_image), torch.stack([image, image.flip(-2)])
    for found, one in zip(predict_tasks_batch(engine, images, PROTOCOLS["whole"], TASKS), images, strict=True):
        plain = predict_tasks(engine, one, TestProtocol(), TASKS)
        assert all(torch.equal(answer, plain.answers()[task]) for task, answer in found.answers().items())
        assert found.scene is not None and plain.scene is not None
        torch.testing.assert_close(found.scene, plain.scene)


def test_two_classes_that_are_decided_by_a_threshold_are_swapped_too(image: Tensor) -> None:
    class Doors(Sides):
        """The two doors alone, of which the right one is taken where it is more probable than most."""

        threshold = 0.9

        def __call__(self, images: Tensor) -> Tensor:
            return super().__call__(images)[:, 1:]

    engine = Doors((1, 0), 2)
    for protocol in (PROTOCOLS["whole"], PROTOCOLS["probabilities"], PROTOCOLS["windows"]):
        assert torch.equal(label(engine, image, protocol), label(engine, image, unflipped(protocol)))


def tiny_model(labels: LabelSpace = LABELS) -> Model:
    torch.manual_seed(0)
    backbone, network = BackboneSettings("resnet10t"), NetworkSettings("fcn", channels=8, aux=False)
    config = ModelConfig(
        "tiny", backbone, network, PreprocessingSettings(), ProtocolSettings(flip=True), DataSettings()
    )
    return Model(build(backbone, network, len(labels)).eval(), config, labels)


def by_hand(engine: TorchEngine, image: Tensor) -> Tensor:
    """The average logits of a picture and its mirror image."""
    mirrored = engine(image[None].flip(-1))[0].flip(-1)
    return (engine(image[None])[0] + mirrored[[0, 2, 1, 3, 4]]) / 2


@pytest.mark.parametrize("name", ["torch", "openvino", "onnxruntime"])
def test_every_engine_averages_with_the_swapped_scores(
    name: EngineName, image: Tensor, conversions: Conversions, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(name, reason=f"{name} is not installed")
    network, preprocessing = converted_network(), PreprocessingSettings()
    # Which classes are swapped is no part of what is converted, so that it is what other tests have converted.
    program = Program(network, preprocessing)
    monkeypatch.setattr(openvino_engine, "converted", lambda _: conversions.openvino(program))
    monkeypatch.setattr(onnx_engine, "converted", lambda _: conversions.onnx(program))
    network.mirror_image = (0, 2, 1, 3, 4)
    engine = make_engine(network, preprocessing, engine=name, device="cpu", precision="float32")
    reference = TorchEngine(network, preprocessing, device="cpu", precision="float32")
    expected = torch.nn.functional.interpolate(by_hand(reference, image)[None], image.shape[-2:], mode="bilinear")[0]
    torch.testing.assert_close(scores(engine, image, TestProtocol(flip=True)), expected, rtol=1e-3, atol=1e-4)


def test_a_model_folder_and_what_an_exported_file_says_keep_the_pairs(tmp_path: Path) -> None:
    save_model(tmp_path / "model", tiny_model(), "card")
    kept = load_model(tmp_path / "model")
    assert kept.labels.mirror == LABELS.mirror and kept.network.mirror_image == (0, 2, 1)
    traits = Traits.of(kept.network, kept.config.preprocessing)
    said = Note.of(kept, traits).dumps()
    note = Note.loads(said, tmp_path / "model.onnx")
    assert note.labels.mirror == LABELS.mirror and note.traits == traits and traits.mirror_image == (0, 2, 1)
    engine = ProgramEngine(note.traits, lambda _: lambda images: [images], torch.device("cpu"))
    assert mirror_image_of(engine) == (0, 2, 1)
    assert "mirror_image" not in json.loads(said)["traits"]  # the classes say it, once
