import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sceneparse.cli import main
from sceneparse.data.sample import Sample
from sceneparse.diagnosing import cases_of, diagnose, diagnose_model, learn_from
from sceneparse.diagnosing.origin import Origin
from sceneparse.errors import UserError
from sceneparse.evaluation import evaluate_model
from sceneparse.inference import TestProtocol
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.recipes import read_recipe
from sceneparse.settings import BackboneSettings, DataSettings, NetworkSettings, PreprocessingSettings, ProtocolSettings
from sceneparse.weights.build import build
from sceneparse.weights.config import ModelConfig, read_config
from sceneparse.weights.model import Model, save_model
from tests.support.engines import GivenScores
from tests.support.small import write_data_set
from tests.support.unified import OBJECTS, unified_model

SPACE = LabelSpace(("dark", "bright"))


def climbing(tiny_run: Path, folder: Path) -> Path:
    """A copy of a run, whose validations rose up to its end."""
    run = shutil.copytree(tiny_run, folder / "run")
    lines = [{"kind": "validation", "iteration": step, "mean_iou": 0.1 * step} for step in range(1, 6)]
    (run / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**facts, "iteration": 5000}))
    return run


def test_diagnose_writes_a_report_and_its_figures_beside_the_model(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = climbing(tiny_run, tmp_path)
    data = tiny_run.parent / "data"
    words = ["diagnose", str(run / "model"), "--data", str(data), "--flip", "--learn-count", "3", "--engine", "torch"]
    assert main(words) == 0
    record = json.loads((run / "diagnosis-flip" / "diagnosis.json").read_text())
    assert not (run / "diagnosis").exists(), "there a diagnosis by the model's own protocol lies"
    assert record["metrics"]["pictures"] == 2 and "with mirror image" in record["metrics"]["protocol"]
    assert record["relations"]["pictures"] == 3
    assert 0 <= record["calibration"]["expected_calibration_error"] <= 1
    assert (run / "diagnosis-flip" / "diagnosis.html").read_text().count("<section") == 7
    output = capsys.readouterr()
    assert "Confusable categories" in output.out and "diagnosis.html" in output.out
    assert "learning what goes with what" in output.err and "testing" in output.err
    assert record["training"]["run"] == str(run) and record["training"]["still_climbing"]["validations"] == 4
    recipe = read_recipe(run / "recipe.yaml")
    command = f"sceneparse train {run / 'recipe.yaml'} --training.iterations {2 * recipe.training.iterations}"
    assert f"{command} --out {run}-longer." in output.out and "It was still learning" in output.out


@pytest.mark.parametrize(("inside", "source"), [("", "."), ("", "model"), ("model", "."), ("", "model/..")])
def test_it_may_be_started_inside_of_the_run_folder(
    inside: str, source: str, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = climbing(tiny_run, tmp_path)
    monkeypatch.chdir(run / inside)
    data = str(tiny_run.parent / "data")
    diagnose_model(source, data=data, learn_count=1, count=1, engine="torch", progress=False)
    assert (
        f"<span>--out</span> <span>{run}-longer</span></code>" in (run / "diagnosis-1" / "diagnosis.html").read_text()
    )
    assert not any((run / "model").glob("diagnosis*")), "that would be no part of a model"


def test_figures_are_kept_where_the_report_cannot_be_written(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ValueError("of a sentence")

    monkeypatch.setattr("sceneparse.diagnosing.report.remarks", fails)
    with pytest.raises(ValueError, match="of a sentence"):
        diagnose_model(tiny_run, data=str(tiny_run.parent / "data"), out=tmp_path, engine="torch", progress=False)
    assert json.loads((tmp_path / "diagnosis.json").read_text())["metrics"]["pictures"] == 2


def test_a_training_is_known_by_its_folder_its_model_and_its_checkpoints(tiny_run: Path, tmp_path: Path) -> None:
    config = read_config(tiny_run / "model" / "config.json")
    checkpoint = next((tiny_run / "checkpoints").iterdir())
    for source in (tiny_run, tiny_run / "model", tiny_run / "checkpoints", checkpoint):
        origin = Origin.of(source, config)
        assert (origin.run, origin.known, origin.state) == (tiny_run, True, "ended")
        assert origin.recipe == read_recipe(tiny_run / "recipe.yaml") and origin.short == config.sizes.short
        assert "1 validation" in origin.describe()
        assert origin.seen is not None and origin.seen.iterations == origin.recipe.training.iterations
    model = shutil.copytree(tiny_run / "model", tmp_path / "model")
    for elsewhere in (model, "user/name"):
        origin = Origin.of(elsewhere, config)
        assert origin.to_json() is None and not origin.known and origin.recipe.network == config.network
    run = shutil.copytree(tiny_run, tmp_path / "run")
    (run / "recipe.yaml").write_text("network: 3")
    origin = Origin.of(run, config)
    assert origin.run == run and not origin.known and "its recipe is not known" in origin.describe()


def test_its_scores_are_those_of_evaluate(tiny_run: Path, tmp_path: Path) -> None:
    model, data = tiny_run / "model", str(tiny_run.parent / "data")
    diagnosis = diagnose_model(model, data=data, out=tmp_path, split="train", engine="torch", progress=False)
    evaluation = evaluate_model(model, data=data, out=tmp_path, split="train", engine="torch", progress=False)
    assert diagnosis.evaluation.counts.equal(evaluation.counts)
    assert diagnosis.evaluation.scores == evaluation.scores
    assert diagnosis.evaluation.pictures == evaluation.pictures


def test_models_are_named_by_where_they_lie_and_compared_class_by_class(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, second = (shutil.copytree(tiny_run / "model", tmp_path / name / "model") for name in ("first", "second"))
    data = str(tiny_run.parent / "data")
    diagnose_model(model, data=data, comparison=second, out=tmp_path / "out", engine="torch")
    record = json.loads((tmp_path / "out" / "diagnosis.json").read_text())
    assert record["rival"]["name"] == "second" and record["rival"]["gains"] == record["gains"]
    page = (tmp_path / "out" / "diagnosis.html").read_text()
    assert 'id="versus"' in page and 'id="classes"' in page and "first<br>IoU" in page
    rows = [re.sub(r"[│┃ ]+", " ", line).strip() for line in capsys.readouterr().out.splitlines()]
    assert "class first second difference" in rows
    mean = f"{100 * record['metrics']['mean_iou']:.2f}"
    assert f"mean {mean} {mean} +0.00" in rows


def test_a_model_is_no_rival_of_itself(tiny_run: Path) -> None:
    with pytest.raises(UserError, match="is the first one: name another one"):
        diagnose_model(tiny_run, comparison=tiny_run / "model")


def test_a_rival_of_other_classes_is_refused(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = shutil.copytree(tiny_run / "model", tmp_path / "second")
    labels = json.loads((second / "labels.json").read_text())
    (second / "labels.json").write_text(json.dumps({**labels, "names": ["night", "day"]}))
    words = ["diagnose", str(tiny_run / "model"), "--data", str(tiny_run.parent / "data"), "--rival", str(second)]
    assert main([*words, "--out", str(tmp_path / "out"), "--engine", "torch"]) == 2
    assert "names 2 classes (night, day" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_of_a_unified_model_the_objects_are_diagnosed(tmp_path: Path) -> None:
    data = write_data_set(tmp_path / "data")
    (data / "classes.json").write_text(json.dumps({"names": OBJECTS.names, "ignore": 255}))
    save_model(tmp_path / "model", unified_model(), "a card")
    out = tmp_path / "out"
    diagnosis = diagnose_model(
        tmp_path / "model", data=str(data), kind="folder", out=out, engine="torch", progress=False
    )
    assert diagnosis.evaluation.labels.names == OBJECTS.names and (out / "diagnosis.html").is_file()


def test_data_without_the_training_split_asks_for_another_to_learn_from(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_data_set(tmp_path / "data", {"val": 2, "test": 2})
    words = ["diagnose", str(tiny_run / "model"), "--data", str(data), "--out", str(tmp_path / "out")]
    assert main([*words, "--engine", "torch"]) == 2
    assert "name one with --learn-split" in capsys.readouterr().err
    assert main([*words, "--engine", "torch", "--learn-split", "val"]) == 0


class Halves:
    """Four pictures, of which every second has labels of objects; all are of the class that is read."""

    labels = SPACE
    tasks = TaskLabels(SPACE)

    def __init__(self, *, labelled: bool = True) -> None:
        self.labelled = labelled

    def __len__(self) -> int:
        return 4

    def name(self, index: int) -> str:
        return f"half{index}"

    def __getitem__(self, index: int) -> Sample:
        objects = torch.zeros(32, 32, dtype=torch.int16)
        objects[:, 16:] = 1
        image = (objects * 200).to(torch.uint8).expand(3, -1, -1).clone()
        return Sample(image, objects if self.labelled and index % 2 == 0 else None, name=self.name(index))


class Bright(GivenScores):
    num_classes = 2

    def __call__(self, images: Tensor) -> Tensor:
        return torch.cat([200 - images[:, :1].float(), images[:, :1].float()], dim=1)


def test_pictures_that_are_labelled_for_other_tasks_alone_are_left_out() -> None:
    relations = learn_from(Halves(), None)
    assert relations.pictures == 2
    cases = cases_of(Bright(), Halves(), range(4), TestProtocol())
    evaluation = diagnose(cases, SPACE, relations).evaluation
    assert [one.index for one in evaluation.pictures] == [0, 2] and evaluation.scores.mean_iou == 1
    with pytest.raises(UserError, match="no picture has labels of objects"):
        diagnose(cases_of(Bright(), Halves(labelled=False), range(4), TestProtocol()), SPACE, relations)


def test_each_model_reads_the_pictures_as_it_learnt_them(tiny_run: Path, tmp_path: Path) -> None:
    backbone, network = BackboneSettings("resnet10t", in_channels=1), NetworkSettings(architecture="fcn", channels=8)
    network = replace(network, output_stride=32)
    grey = PreprocessingSettings((0.5,), (0.5,))
    config = ModelConfig("grey", backbone, network, grey, ProtocolSettings(), DataSettings(range=(0, 255)))
    save_model(tmp_path / "grey", Model(build(backbone, network, 2).eval(), config, SPACE), "a card")
    given: dict[str, Any] = {
        "data": str(tiny_run.parent / "data"),
        "out": tmp_path / "out",
        "engine": "torch",
        "progress": False,
    }
    diagnose_model(tiny_run / "model", comparison=tmp_path / "grey", **given)
    record = json.loads((tmp_path / "out" / "diagnosis.json").read_text())
    alone = diagnose_model(
        tmp_path / "grey", **{**given, "protocol": read_config(tiny_run / "model/config.json").protocol}
    )
    assert record["rival"]["metrics"]["confusion"] == alone.evaluation.counts.tolist()
    assert record["rival"]["metrics"]["data_options"] == {"range": [0, 255]}
    assert record["metrics"]["data_options"] == {} and record["metrics"]["split"] == "test"


def test_a_part_of_the_pictures_takes_no_whole_diagnosis_away_and_places_are_tried_first(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, data = shutil.copytree(tiny_run, tmp_path / "run"), str(tiny_run.parent / "data")
    diagnose_model(run, data=data, count=1, learn_count=1, engine="torch", progress=False)
    assert (run / "diagnosis-1" / "diagnosis.json").is_file() and not (run / "diagnosis").exists()
    monkeypatch.setattr("sceneparse.diagnosing.command.diagnose", lambda *_: pytest.fail("it was tested"))
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file: is a file; name a folder"):
        diagnose_model(run, data=data, out=tmp_path / "file", engine="torch", progress=False)
