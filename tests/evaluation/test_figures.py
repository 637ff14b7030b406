"""A figure is one entry: it then stands on the terminal, in metrics.json, report, model card, training and sweeps."""

import io
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor

from sceneparse.data.sample import Sample
from sceneparse.evaluation import Evaluation, evaluate, print_scores
from sceneparse.evaluation.accumulators import Answers
from sceneparse.evaluation.figures import FIGURES, Counted, Figure, figures_of
from sceneparse.evaluation.report import write_report
from sceneparse.inference import TestProtocol, TorchEngine
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.settings import BackboneSettings, DataSettings, NetworkSettings, PreprocessingSettings, ProtocolSettings
from sceneparse.tasks import MAPS, Task
from sceneparse.training.validation import recorded, worth
from sceneparse.weights.build import build
from sceneparse.weights.card import model_card
from sceneparse.weights.config import ModelConfig

SPACE = LabelSpace(("road", "car", "sky"))


class PicturesRight:
    """Counts the pictures of which more than a third of the pixels is right."""

    def __init__(self, labels: TaskLabels) -> None:
        assert labels.objects is not None
        self.counts: Mapping[str, Tensor] = {"pictures_right": torch.zeros(2, dtype=torch.int64)}

    def update(self, sample: Sample, answers: Answers) -> None:
        assert sample.objects is not None
        right = (sample.objects == answers[Task.OBJECT]).double().mean() > 1 / 3
        self.counts["pictures_right"] += torch.tensor([int(right), 1])


def constant(value: Any, _: Counted) -> Any:
    return value


def share_right(counted: Counted) -> float:
    right, pictures = counted.counts["pictures_right"].tolist()
    return float(right / pictures)


NEW = Figure("share of good pictures", "good pictures", Task.OBJECT, share_right, accumulator=PicturesRight)


class Noise:
    """Three pictures with random truth."""

    labels = SPACE
    tasks = TaskLabels(SPACE)

    def __len__(self) -> int:
        return 3

    def name(self, index: int) -> str:
        return f"noise{index}"

    def __getitem__(self, index: int) -> Sample:
        random = np.random.default_rng(index)
        image = torch.from_numpy(random.integers(0, 255, (3, 32, 48), dtype=np.uint8))
        objects = torch.from_numpy(random.integers(0, 3, (32, 48)).astype(np.int16))
        return Sample(image, objects=objects, name=self.name(index))


@pytest.fixture
def config() -> ModelConfig:
    network = NetworkSettings(architecture="fcn")
    return ModelConfig(
        "tiny",
        BackboneSettings("resnet10t"),
        network,
        PreprocessingSettings(),
        ProtocolSettings(),
        DataSettings("toyworld"),
    )


@pytest.fixture
def engine(config: ModelConfig) -> TorchEngine:
    torch.manual_seed(0)
    return TorchEngine(build(config.backbone, config.network, 3).eval(), PreprocessingSettings(), device="cpu")


@pytest.fixture
def with_a_new_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FIGURES._own, "good_pictures", f"{__name__}:NEW")
    monkeypatch.setitem(FIGURES._loaded, "good_pictures", NEW)


@pytest.mark.usefixtures("with_a_new_figure")
def test_a_new_figure_stands_everywhere(config: ModelConfig, engine: TorchEngine, tmp_path: Path) -> None:
    evaluation = evaluate(engine, Noise(), TestProtocol())
    value = evaluation.figures["good_pictures"]
    assert value in (0, 1 / 3, 2 / 3, 1)
    metrics = evaluation.to_json()
    assert metrics["good_pictures"] == value
    terminal = io.StringIO()
    print_scores(evaluation, Console(file=terminal, width=200))
    assert f"good pictures {100 * value:.2f}" in terminal.getvalue()
    report = write_report(tmp_path, evaluation, engine, Noise(), title="Noise")
    assert "good pictures" in report.read_text(encoding="utf-8")
    assert f"| share of good pictures | {100 * value:.2f} |" in model_card(config, SPACE, metrics)
    assert recorded(metrics)["good_pictures"] == value
    assert worth(metrics) == metrics["mean_iou"], "the best network is still chosen by the headlines"


def test_keys_in_metrics_json_do_not_clash() -> None:
    for task in Task:
        names = [one.name or key for key, one in figures_of(task).items()]
        assert names and len(set(names)) == len(names)
    assert set(MAPS) < {one.task for one in FIGURES.values()}


def test_a_headline_is_a_percentage_of_which_more_is_better() -> None:
    with pytest.raises(ValueError, match="headlines are averaged"):
        replace(NEW, headline=True, higher_is_better=False)
    with pytest.raises(TypeError, match="title"):
        Figure(short="top-1", task=Task.SCENE, value=share_right)  # type: ignore[call-arg]


def test_each_task_has_one_headline_so_that_all_count_alike() -> None:
    for task in Task:
        assert [key for key, one in figures_of(task).items() if one.headline][1:] == [], task


@pytest.mark.usefixtures("with_a_new_figure")
def test_a_figure_of_another_package_is_a_plain_number(engine: TorchEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    for given, shown in ((np.float64(0.5), 0.5), (torch.tensor(0.25), 0.25), (np.nan, None), (None, None)):
        monkeypatch.setitem(FIGURES._loaded, "good_pictures", replace(NEW, value=partial(constant, given)))
        value = evaluate(engine, Noise(), TestProtocol(), count=1).figures["good_pictures"]
        assert value == shown and type(value) in (float, type(None))


def test_a_value_is_shown_with_its_unit() -> None:
    assert NEW.text(0.41678) == "41.68" and NEW.with_unit(0.41678) == "41.68%" and NEW.with_unit(None) == "–"
    distance = replace(NEW, unit="pixels")
    assert distance.text(1.234) == "1.23" and distance.with_unit(1.234) == "1.23 pixels"


def test_figures_are_those_of_the_scores(engine: TorchEngine) -> None:
    evaluation: Evaluation = evaluate(engine, Noise(), TestProtocol())
    for key in figures_of(Task.OBJECT):
        assert evaluation.figures[key] == getattr(evaluation.scores, key)
    assert all(evaluation.figures[key] is None for key, one in FIGURES.items() if one.task is not Task.OBJECT)
