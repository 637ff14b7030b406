"""All tasks of a picture under a protocol."""

import pytest
import torch
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.inference import TaskPrediction, TestProtocol, TorchEngine, predict, predict_tasks
from sceneparse.inference.openvino_engine import OpenVINOEngine
from sceneparse.labels import IGNORE, TaskLabels
from sceneparse.networks import HEADS, resize
from unified import OBJECTS, TASKS, TREE, unified_model

PROTOCOLS = {
    "whole": TestProtocol(),
    "windows": TestProtocol("window", window=(48, 48), stride=0.5, flip=True, average="probabilities"),
    "scales": TestProtocol(scales=(0.5, 1.0), flip=True),
}


@pytest.fixture(scope="module")
def engine() -> TorchEngine:
    model = unified_model()
    return TorchEngine(model.network, model.config.preprocessing, device="cpu", precision="float32")


@pytest.fixture(scope="module")
def image() -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (3, 70, 91), generator=generator).to(torch.uint8)


def told(engine: TorchEngine, image: Tensor, protocol: TestProtocol, tasks: TaskLabels = TASKS) -> TaskPrediction:
    return predict_tasks(engine, image, protocol, tasks)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_objects_are_those_of_a_model_that_is_asked_for_nothing_else(
    engine: TorchEngine, image: Tensor, name: str
) -> None:
    alone = predict(engine, image, PROTOCOLS[name])
    objects = told(engine, image, PROTOCOLS[name]).objects
    assert torch.equal(objects.labels, alone.labels)
    torch.testing.assert_close(objects.confidence, alone.confidence)


def test_every_map_is_the_winner_of_its_own_head(engine: TorchEngine, image: Tensor) -> None:
    output, prediction = engine.heads(image[None], HEADS), told(engine, image, TestProtocol())
    for logits, found in ((output.material, prediction.materials), (output.texture, prediction.textures)):
        assert logits is not None and found is not None
        best, winner = resize(logits, (70, 91), False)[0].softmax(dim=0).max(dim=0)
        assert float((found.labels == winner).double().mean()) > 0.999
        torch.testing.assert_close(found.confidence, best)
    assert output.scene is not None
    torch.testing.assert_close(prediction.scene, output.scene[0].softmax(dim=0))


@pytest.mark.parametrize("name", PROTOCOLS)
def test_parts_are_those_of_the_object_that_was_found_there(engine: TorchEngine, image: Tensor, name: str) -> None:
    prediction = told(engine, image, PROTOCOLS[name])
    assert prediction.parts is not None
    owner_of = torch.tensor([owner for owner, _ in TREE.channels] + [IGNORE])
    objects, parts = prediction.objects.labels, prediction.parts.labels
    with_parts = torch.isin(objects, torch.tensor(TREE.owners, dtype=torch.int16))
    assert with_parts.any() and torch.equal(with_parts, parts != IGNORE)
    assert torch.equal(owner_of[parts.long()][with_parts], objects.long()[with_parts])
    assert (prediction.parts.confidence[with_parts] > 0.2).all()  # the best of two or three
    assert not prediction.parts.confidence[~with_parts].any()


def test_probabilities_are_averaged_within_each_task(engine: TorchEngine, image: Tensor) -> None:
    protocol = TestProtocol(flip=True, average="probabilities")
    prediction = told(engine, image, protocol)
    views = [engine.heads(image[None], HEADS), engine.heads(image.flip(-1)[None], HEADS)]
    maps = [view.material for view in views]
    assert maps[0] is not None and maps[1] is not None and prediction.materials is not None
    large = [resize(one, (70, 91), False)[0].softmax(dim=0) for one in (maps[0], maps[1].flip(-1))]
    torch.testing.assert_close(prediction.materials.confidence, (sum(large) / 2).max(dim=0).values)  # type: ignore[union-attr]
    scenes = [view.scene.softmax(dim=1)[0] for view in views if view.scene is not None]
    torch.testing.assert_close(prediction.scene, (scenes[0] + scenes[1]) / 2)


def test_only_what_is_asked_for_is_told(engine: TorchEngine, image: Tensor) -> None:
    prediction = told(engine, image, TestProtocol(), TaskLabels(objects=OBJECTS, textures=TASKS.textures))
    assert prediction.scene is None and prediction.parts is None and prediction.materials is None
    assert prediction.textures is not None


def test_an_engine_that_tells_the_objects_alone_says_so(image: Tensor) -> None:
    pytest.importorskip("openvino")
    model = unified_model()
    engine = OpenVINOEngine.of(model.network, model.config.preprocessing, device="cpu", precision="float32")
    with pytest.raises(UserError, match="engine openvino tells the objects alone; use --engine torch"):
        predict_tasks(engine, image, TestProtocol(), TASKS)


def test_a_field_over_the_objects_alone_is_refused(engine: TorchEngine, image: Tensor) -> None:
    with pytest.raises(UserError, match=r"protocol\.crf is not for models of several tasks"):
        told(engine, image, TestProtocol(crf=True))
