"""All tasks of a picture under a protocol."""

import pytest
import torch
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.inference import (
    Engine,
    Opened,
    TaskPrediction,
    TestProtocol,
    TorchEngine,
    export_model,
    predict,
    predict_tasks,
)
from sceneparse.inference.choosing import FittingEngine
from sceneparse.inference.open_model import open_model
from sceneparse.inference.program import ProgramEngine, Run, Traits
from sceneparse.inference.ranking import rank_task
from sceneparse.inference.smoothing import SmoothedEngine
from sceneparse.inference.tasks import predict_tasks_batch
from sceneparse.labels import IGNORE, TaskLabels
from sceneparse.networks import HEADS, resize
from sceneparse.settings import Temperatures
from sceneparse.tasks import Task
from tests.support.unified import OBJECTS, TASKS, TREE, unified_model

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


def predicted(engine: Engine, image: Tensor, protocol: TestProtocol, tasks: TaskLabels = TASKS) -> TaskPrediction:
    return predict_tasks(engine, image, protocol, tasks)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_objects_are_those_of_a_model_that_is_asked_for_nothing_else(
    engine: TorchEngine, image: Tensor, name: str
) -> None:
    alone = predict(engine, image, PROTOCOLS[name])
    objects = predicted(engine, image, PROTOCOLS[name]).objects
    assert torch.equal(objects.labels, alone.labels)
    torch.testing.assert_close(objects.confidence, alone.confidence)


def test_every_map_is_the_winner_of_its_own_head(engine: TorchEngine, image: Tensor) -> None:
    output, prediction = engine.heads(image[None], HEADS), predicted(engine, image, TestProtocol())
    for logits, found in ((output.material, prediction.materials), (output.texture, prediction.textures)):
        assert logits is not None and found is not None
        best, winner = resize(logits, (70, 91), False)[0].softmax(dim=0).max(dim=0)
        assert float((found.labels == winner).double().mean()) > 0.999
        torch.testing.assert_close(found.confidence, best)
    assert output.scene is not None
    torch.testing.assert_close(prediction.scene, output.scene[0].softmax(dim=0))


@pytest.mark.parametrize("name", PROTOCOLS)
def test_parts_are_those_of_the_object_that_was_found_there(engine: TorchEngine, image: Tensor, name: str) -> None:
    prediction = predicted(engine, image, PROTOCOLS[name])
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
    prediction = predicted(engine, image, protocol)
    views = [engine.heads(image[None], HEADS), engine.heads(image.flip(-1)[None], HEADS)]
    maps = [view.material for view in views]
    assert maps[0] is not None and maps[1] is not None and prediction.materials is not None
    large = [resize(one, (70, 91), False)[0].softmax(dim=0) for one in (maps[0], maps[1].flip(-1))]
    torch.testing.assert_close(prediction.materials.confidence, (sum(large) / 2).max(dim=0).values)  # type: ignore[union-attr]
    scenes = [view.scene.softmax(dim=1)[0] for view in views if view.scene is not None]
    torch.testing.assert_close(prediction.scene, (scenes[0] + scenes[1]) / 2)


def test_only_what_is_asked_for_is_told(engine: TorchEngine, image: Tensor) -> None:
    prediction = predicted(engine, image, TestProtocol(), TaskLabels(objects=OBJECTS, textures=TASKS.textures))
    assert prediction.scene is None and prediction.parts is None and prediction.materials is None
    assert prediction.textures is not None


def test_scores_that_are_averaged_over_frames_are_those_of_the_objects_alone(
    engine: TorchEngine, image: Tensor
) -> None:
    with pytest.raises(UserError, match="engine torch predicts the objects alone"):
        predict_tasks(SmoothedEngine(engine, 0.5), image, TestProtocol(), TASKS)


@pytest.fixture(scope="module", params=[("openvino", "m.xml", "openvino"), ("onnx", "m.onnx", "onnxruntime")])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    kind, name, package = request.param
    pytest.importorskip(package)
    path = export_model(unified_model(), tmp_path_factory.mktemp("exported") / name, kind)
    return open_model(path, device="cpu", precision="float32")


@pytest.mark.parametrize("name", PROTOCOLS)
def test_an_exported_file_tells_all_tasks_as_pytorch_does(
    exported: Opened, engine: TorchEngine, image: Tensor, name: str
) -> None:
    assert exported.tasks == TASKS
    found, expected = (predicted(one, image, PROTOCOLS[name]) for one in (exported.engine, engine))
    for task in ("objects", "parts", "materials", "textures"):
        one, other = getattr(found, task), getattr(expected, task)
        assert float((one.labels == other.labels).double().mean()) > 0.999
        same = one.labels == other.labels
        torch.testing.assert_close(one.confidence[same], other.confidence[same], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.scene, expected.scene, rtol=1e-4, atol=1e-4)


def test_an_exported_file_scores_the_objects_by_themselves_too(
    exported: Opened, engine: TorchEngine, image: Tensor
) -> None:
    torch.testing.assert_close(exported.engine(image[None]), engine(image[None]), rtol=1e-4, atol=1e-4)


class TestPrograms:
    """What an engine over a program has its runtime compute."""

    def engine(self, tasks: tuple[str, ...]) -> ProgramEngine:
        self.prepared: list[tuple[str, ...]] = []

        def prepare(outputs: tuple[str, ...]) -> Run:
            self.prepared.append(outputs)
            return lambda images: [torch.full((len(images), 1), len(name)) for name in outputs]

        class Counting(ProgramEngine):
            name, precision = "counting", "float32"

        return Counting(Traits(3, 2, False, (0.0,) * 3, (1.0,) * 3, tasks), prepare, torch.device("cpu"))

    def test_what_is_not_asked_for_is_not_computed(self) -> None:
        engine, images = self.engine(HEADS), torch.zeros(1, 3, 40, 40)
        assert self.prepared == []
        for _ in range(2):
            output = engine.heads(images, ("object", "material", "scene"))
        assert output.part is None and output.texture is None
        sizes = [int(logits) for logits in (output.scene, output.object, output.material) if logits is not None]
        assert sizes == [len("scene"), len("logits"), len("material")]
        engine(images)
        assert self.prepared == [("scene", "logits", "material"), ("logits",)]

    def test_of_one_task_all_is_made_ready_at_once_and_there_is_no_more(self) -> None:
        engine = self.engine(())
        assert self.prepared == [("logits",)] and int(engine(torch.zeros(1, 3, 40, 40))) == len("logits")
        with pytest.raises(UserError, match="predicts the objects alone"):
            engine.heads(torch.zeros(1, 3, 40, 40), ("scene",))


def test_a_picture_too_small_for_a_program_is_told_by_the_other_engine(engine: TorchEngine) -> None:
    class Large:
        name, precision, num_classes, align_corners, padding_color = "openvino", "float32", 3, False, (0.0, 0.0, 0.0)
        smallest, threshold, mirror_image, temperatures = 33, 0.5, (), Temperatures()

        def __getattr__(self, name: str) -> object:
            raise AssertionError(f"{name} of the engine that cannot take it")

    image = torch.randint(0, 256, (3, 20, 90), dtype=torch.uint8)
    found = predict_tasks(FittingEngine(Large(), lambda: engine), image, TestProtocol(), TASKS)  # type: ignore[arg-type]
    expected = predicted(engine, image, TestProtocol())
    assert found.parts is not None and expected.parts is not None
    assert torch.equal(found.parts.labels, expected.parts.labels)


def test_a_field_over_the_objects_alone_is_refused(engine: TorchEngine, image: Tensor) -> None:
    with pytest.raises(UserError, match=r"protocol\.crf is not for models of several tasks"):
        predicted(engine, image, TestProtocol(crf=True))
    with pytest.raises(UserError, match=r"protocol\.crf is not for models of several tasks"):
        predict_tasks_batch(engine, torch.stack([image, image]), TestProtocol(crf=True), TASKS)
    with pytest.raises(UserError, match=r"protocol\.crf is not for models of several tasks"):
        rank_task(engine, image, TestProtocol(crf=True), TASKS, Task.MATERIAL, 2)
