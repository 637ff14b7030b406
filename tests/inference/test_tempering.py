"""Temperatures change how sure a network is, and nothing else."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sceneparse.inference import TestProtocol, TorchEngine, predict, predict_batch, predict_tasks, scores
from sceneparse.inference.choosing import FittingEngine
from sceneparse.inference.exported_file import Note
from sceneparse.inference.program import Traits
from sceneparse.inference.ranking import rank, rank_task
from sceneparse.inference.smoothing import SmoothedEngine
from sceneparse.inference.tempering import temperature_of
from sceneparse.settings import Temperatures
from sceneparse.tasks import MAPS, Task
from tests.support.unified import TASKS, unified_model

PROTOCOLS = {
    "whole": TestProtocol(),
    "mirrored": TestProtocol(flip=True),
    "probabilities": TestProtocol(average="probabilities"),
    "views": TestProtocol(scales=(0.5, 1.0), flip=True, average="probabilities"),
    "windows": TestProtocol("window", window=(33, 41), flip=True, average="probabilities"),
    "crf": TestProtocol(crf=True),
}
ALL = Temperatures(scene=3.0, object=2.5, part=0.5, material=1.7, texture=4.0)


def expected(averaged: Tensor, protocol: TestProtocol, temperature: float) -> Tensor:
    """The probabilities of a protocol's scores (classes, H, W), by the definition."""
    logits = averaged if protocol.average == "logits" else averaged.double().log()
    return (logits.double() / temperature).softmax(dim=0)


@pytest.mark.parametrize("classes", [4, 20, 40])
@pytest.mark.parametrize("name", PROTOCOLS)
def test_labels_stay_to_the_bit_and_confidences_are_those_of_divided_logits(
    name: str, classes: int, toy: Any, picture: Tensor
) -> None:
    engine, protocol = toy(classes, stride=4), PROTOCOLS[name]
    plain = predict(engine, picture, protocol)
    engine.temperatures = Temperatures(object=1.0)
    same = predict(engine, picture, protocol)
    assert torch.equal(same.labels, plain.labels) and torch.equal(same.confidence, plain.confidence)
    engine.temperatures = Temperatures(object=2.5, scene=9.0)
    one, (other, _) = predict(engine, picture, protocol), predict_batch(engine, picture.expand(2, -1, -1, -1), protocol)
    assert torch.equal(one.labels, plain.labels) and torch.equal(other.labels, plain.labels)
    if protocol.crf:  # its probabilities are its own
        assert torch.equal(one.confidence, plain.confidence)
        return
    probabilities = expected(scores(engine, picture, protocol), protocol, 2.5)
    wanted = probabilities.gather(0, plain.labels[None].long())[0]
    torch.testing.assert_close(one.confidence.double(), wanted, rtol=1e-4, atol=1e-5)
    ranked = rank(engine, picture, protocol, 3)
    best, order = probabilities.topk(3, dim=0)
    torch.testing.assert_close(ranked.probabilities.double(), best, rtol=1e-4, atol=1e-5)
    assert (ranked.classes == order).double().mean() > 0.999, "but for ties"


def test_a_threshold_decides_as_before(toy: Any, picture: Tensor) -> None:
    for average in ("logits", "probabilities"):
        engine, protocol = toy(2, stride=4), TestProtocol(average=average)
        engine.threshold = 0.3
        plain = predict(engine, picture, protocol)
        engine.temperatures = Temperatures(object=4.0)
        found = predict(engine, picture, protocol)
        assert torch.equal(found.labels, plain.labels)
        assert not torch.equal(found.confidence, plain.confidence)


@pytest.mark.parametrize("name", ["whole", "views"])
def test_each_task_has_its_own_temperature(name: str) -> None:
    model, protocol = unified_model(), PROTOCOLS[name]
    image = torch.randint(0, 256, (3, 70, 91), generator=torch.Generator().manual_seed(3)).to(torch.uint8)
    engine = TorchEngine(model.network, model.config.preprocessing, device="cpu", precision="float32")
    plain = predict_tasks(engine, image, protocol, TASKS)
    tempered = replace(model, config=replace(model.config, temperatures=ALL))
    engine = TorchEngine(tempered.network, model.config.preprocessing, device="cpu", precision="float32")
    found = predict_tasks(engine, image, protocol, TASKS)
    for task in MAPS:
        before, after = plain.map(task), found.map(task)
        assert before is not None and after is not None
        assert torch.equal(after.labels, before.labels), task
        assert not torch.equal(after.confidence, before.confidence), task
        first = rank_task(engine, image, protocol, TASKS, task, 1).probabilities[0]
        torch.testing.assert_close(first, after.confidence, rtol=1e-4, atol=1e-5)
    assert plain.scene is not None and found.scene is not None
    torch.testing.assert_close(found.scene, (plain.scene.log() / 3.0).softmax(dim=0))


def test_every_engine_over_another_knows_its_temperatures(toy: Any) -> None:
    engine = toy(4)
    assert temperature_of(engine) == 1.0
    engine.name, engine.precision, engine.describe = "toy", "float32", str
    engine.temperatures = ALL
    smoothed = SmoothedEngine(engine, 0.5)
    for one in (FittingEngine(engine, lambda: engine), smoothed, smoothed.unsmoothed()):
        assert temperature_of(one) == 2.5 and temperature_of(one, Task.SCENE) == 3.0


def test_exported_files_say_it_among_the_settings() -> None:
    model = unified_model()
    model = replace(model, config=replace(model.config, temperatures=ALL))
    note = Note.of(model, Traits.of(model.network, model.config.preprocessing))
    assert '"temperatures"' in note.dumps().partition('"traits"')[0]
    read = Note.loads(note.dumps(), Path("a.onnx"))
    assert read.config.temperatures == read.traits.temperatures == ALL
