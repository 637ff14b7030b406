"""Temperatures that are fitted, and the pixels that they are fitted to."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sceneparse.data.sample import Sample
from sceneparse.diagnosing import sampled_pixels
from sceneparse.diagnosing.sampled_pixels import sample_pixels
from sceneparse.diagnosing.temperature import NOTHING, Scored, calibration, fit_temperature, likelihood
from sceneparse.inference import TestProtocol, TorchEngine, predict_tasks, scores
from sceneparse.labels import IGNORE
from sceneparse.tasks import Task
from tests.support.unified import TASKS, TREE, unified_model


def drawn(temperature: float, classes: int, count: int = 20_000) -> Scored:
    """Pixels whose truth is drawn from their logits under a temperature."""
    generator = torch.Generator().manual_seed(5)
    logits = 6 * torch.randn(count, classes, generator=generator)
    truth = torch.multinomial((logits / temperature).softmax(1), 1, generator=generator)[:, 0]
    return Scored(logits - logits.amax(1, keepdim=True), truth)


@pytest.mark.parametrize(("temperature", "classes"), [(3.0, 5), (0.5, 5), (1.0, 2), (4.0, 40)])
def test_the_temperature_is_that_from_which_the_truth_was_drawn(temperature: float, classes: int) -> None:
    scored = drawn(temperature, classes, 200_000 // classes)
    found = fit_temperature(scored)
    assert found is not None and found == pytest.approx(temperature, rel=0.06)
    best = likelihood(scored, found)
    assert best <= likelihood(scored, 1.0)
    assert all(best <= likelihood(scored, found * factor) + 1e-9 for factor in (0.98, 0.999, 1.001, 1.02))
    if temperature != 1:
        assert calibration(scored, found).error < 0.02 < calibration(scored, 1.0).error


def test_classes_that_a_pixel_cannot_have_change_nothing() -> None:
    scored = drawn(2.0, 3)
    wide = replace(scored, logits=torch.cat([scored.logits, torch.full((len(scored), 4), NOTHING)], dim=1))
    assert fit_temperature(wide) == fit_temperature(scored)


@pytest.mark.parametrize("truth", ["all right", "chance", "alike"])
def test_where_no_temperature_is_the_best_there_is_none(truth: str) -> None:
    logits = torch.randn(1000, 3, generator=torch.Generator().manual_seed(1))
    labels = {"all right": logits.argmax(1), "chance": logits.argmin(1), "alike": logits.argmax(1)}[truth]
    assert fit_temperature(Scored(logits * (truth != "alike"), labels)) is None


class Pictures:
    """A data set of pictures in memory."""

    def __init__(self, *samples: Sample) -> None:
        self._samples = samples
        self.labels, self.tasks = TASKS.objects, TASKS

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Sample:
        return self._samples[index]

    def name(self, index: int) -> str:
        return str(index)


@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_some_labelled_pixels_of_each_picture_are_kept_with_their_scores(
    average: Any, toy: Any, picture: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, protocol = toy(4, stride=4), TestProtocol(flip=True, average=average)
    unknown = torch.full((46, 70), IGNORE, dtype=torch.int16)
    half = unknown.clone()
    half[:, ::2] = (torch.arange(35) % 4).to(torch.int16)
    dataset: Any = Pictures(
        Sample(picture, half), Sample(picture, unknown), Sample(picture, None), Sample(picture, half)
    )
    done: list[int] = []
    monkeypatch.setattr(sampled_pixels, "MOST", 500)
    scored = sample_pixels(engine, dataset, range(4), protocol, None, lambda: done.append(1)).by_task[Task.OBJECT]
    assert len(done) == 4 and len(scored) == 1000 and scored.logits.shape == (1000, 4)
    again = sample_pixels(engine, dataset, range(4), protocol, None).by_task[Task.OBJECT]
    assert torch.equal(again.logits, scored.logits) and torch.equal(again.truth, scored.truth)
    assert torch.bincount(scored.truth).min() > 150, "all columns are as likely"
    whole = scores(engine, picture, protocol)
    known = whole if average == "logits" else whole.log()
    known = (known - known.amax(0)).permute(1, 2, 0)[half != IGNORE]
    distances = torch.cdist(scored.logits[:50].double(), known.double(), compute_mode="donot_use_mm_for_euclid_dist")
    assert float(distances.amin(1).max()) < 1e-4
    monkeypatch.setattr(sampled_pixels, "NUMBERS", 4 * 4 * 30)
    bounded = sample_pixels(engine, dataset, range(4), protocol, None).by_task[Task.OBJECT]
    assert len(bounded) == 60, "memory has a bound"


@pytest.mark.parametrize(("above", "used"), [(46, None), (45, 45)])
def test_the_protocol_is_that_of_the_pictures_that_were_tested(
    above: int, used: int | None, toy: Any, picture: Tensor
) -> None:
    dataset: Any = Pictures(Sample(picture, torch.zeros(46, 70, dtype=torch.int16)))
    protocol = TestProtocol(resize="short", size=above, above=above)
    assert sample_pixels(toy(4, stride=4), dataset, [0], protocol, None).protocol.above == used


def test_every_task_with_truth_has_its_pixels_and_the_scene_its_pictures() -> None:
    model = unified_model()
    engine = TorchEngine(model.network, model.config.preprocessing, device="cpu", precision="float32")
    generator = torch.Generator().manual_seed(3)
    image = torch.randint(0, 256, (3, 64, 64), generator=generator).to(torch.uint8)
    objects = torch.zeros(64, 64, dtype=torch.int16)
    objects[:40], objects[50:] = 1, 2
    parts = torch.full_like(objects, IGNORE)
    parts[:10], parts[60:] = 0, 2
    materials = torch.full_like(objects, 3)
    pictures: Any = Pictures(Sample(image, objects, parts, materials, scene=1), Sample(image, scene=0))
    protocol = TestProtocol(flip=True, average="probabilities")
    scored = sample_pixels(engine, pictures, range(2), protocol, TASKS).by_task
    assert {task: len(one) for task, one in scored.items()} == {
        Task.OBJECT: 4096, Task.MATERIAL: 4096, Task.PART: 64 * 54, Task.SCENE: 2
    }  # fmt: skip
    parts_scored = scored[Task.PART]
    assert parts_scored.logits.shape[1] == max(TREE.sizes) and set(parts_scored.truth.tolist()) == {0, 1}
    person = parts_scored.logits[:, 2] < NOTHING / 2
    assert int(person.sum()) == 64 * 14, "people have a head or none"
    found = predict_tasks(engine, image, protocol, TASKS)
    assert found.scene is not None
    torch.testing.assert_close(scored[Task.SCENE].logits.softmax(1), found.scene.expand(2, -1))
    assert scored[Task.SCENE].truth.tolist() == [1, 0]


def test_a_sigmoid_s_two_classes_are_decided_by_its_threshold() -> None:
    scored = replace(drawn(2.0, 2), threshold=0.9)
    found = fit_temperature(scored)
    assert found == pytest.approx(2.0, rel=0.05), "which labels are taken is no matter to the likelihood"
    counts = calibration(scored, 2.0)
    odds = scored.logits[:, 1] - scored.logits[:, 0]
    right = ((odds > np.log(9)).long() == scored.truth).sum()
    assert int(counts.right.sum()) == int(right)


@pytest.fixture
def toy() -> Any:
    """An engine whose scores are of colours and of positions, at a stride."""

    def make(classes: int, stride: int) -> Any:
        weight = torch.randn(classes, 3, generator=torch.Generator().manual_seed(3)) / 40

        def score(images: Tensor) -> Tensor:
            small = images[:, :, ::stride, ::stride].float() - 110
            columns = torch.arange(small.shape[-1])
            return torch.einsum("kc,nchw->nkhw", weight, small) + 0.05 * torch.arange(classes).view(-1, 1, 1) * columns

        return _Toy(score, num_classes=classes, align_corners=False)

    return make


class _Toy(SimpleNamespace):
    def __init__(self, score: Any, **facts: Any) -> None:
        super().__init__(**facts)
        self._score = score

    def __call__(self, images: Tensor) -> Tensor:
        result: Tensor = self._score(images)
        return result


@pytest.fixture
def picture() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (3, 46, 70), generator=generator).to(torch.uint8)
