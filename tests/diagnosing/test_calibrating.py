"""`sceneparse calibrate`: from a model and labelled pictures to temperatures in its folder, and away again."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sceneparse
from sceneparse.cli import main
from sceneparse.diagnosing import calibrate_model, diagnose_model
from sceneparse.errors import UserError
from sceneparse.files import write_json
from sceneparse.settings import Temperatures
from sceneparse.weights.config import read_config
from sceneparse.weights.run_folder import run_facts


@pytest.fixture(scope="module")
def run(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, beside data on whose validation split its model is right at most pixels, though not as sure."""
    folder = tmp_path_factory.mktemp("calibrating")
    data = shutil.copytree(tiny_run.parent / "data", folder / "data")
    parser = sceneparse.load(tiny_run / "model", engine="torch", precision="float32")
    generator = np.random.default_rng(0)
    for split in ("val", "test"):
        for picture in sorted((data / split / "images").iterdir()):
            labels = parser(picture).labels
            truth = np.where(generator.random(labels.shape) < 0.1, 1 - labels, labels)
            Image.fromarray(truth.astype(np.uint8)).save(data / split / "masks" / picture.name)
    return shutil.copytree(tiny_run, folder / "run")


def words(run: Path, *more: str) -> list[str]:
    return ["calibrate", str(run), "--data", str(run.parent / "data"), "--engine", "torch", *more]


def test_the_temperature_is_kept_used_and_taken_away_again(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, data = run / "model", run.parent / "data"
    before, card = (model / "config.json").read_bytes(), (model / "README.md").read_bytes()
    picture = next((data / "test" / "images").iterdir())
    plain = sceneparse.load(model, engine="torch", precision="float32")(picture)
    assert main(words(run)) == 0
    record = json.loads((run / "calibration" / "calibration.json").read_text())
    figures = record["tasks"]["object"]
    assert figures["after"]["negative_log_likelihood"] < figures["before"]["negative_log_likelihood"]
    assert figures["after"]["expected_calibration_error"] < figures["before"]["expected_calibration_error"]
    assert record["data"] == f"folder, {data.resolve()}, val split", "whoever reads it finds the pictures"
    assert record["pictures"] == 2 and figures["count"] == 2 * 48 * 64
    printed = capsys.readouterr().out
    assert printed.startswith(f"2 pictures of {data.name}, val; protocol ")
    assert "temperature" in printed and str(model) in printed
    assert "## Confidence\n\nCalibrated: " in (model / "README.md").read_text(encoding="utf-8")
    kept = read_config(model / "config.json").temperatures
    assert kept == Temperatures(object=figures["after"]["temperature"]) and kept.object != 1
    parser = sceneparse.load(model, engine="torch", precision="float32")
    parse = parser(picture)
    assert np.array_equal(parse.labels, plain.labels) and not np.array_equal(parse.confidence, plain.confidence)
    classes, probabilities = parse.probabilities(2)
    assert np.array_equal(classes[0], parse.labels)
    assert np.allclose(probabilities[0], parse.confidence, atol=1e-5)
    assert np.allclose(probabilities.sum(0), 1, atol=1e-5)
    diagnosis = diagnose_model(
        model, data=data, split="val", learn_split="val", out=tmp_path, engine="torch", progress=False
    )
    assert diagnosis.calibration.error == pytest.approx(figures["after"]["expected_calibration_error"], abs=0.01)
    assert "under the model's own temperature" in (tmp_path / "diagnosis.html").read_text()
    # Once more, it is as it is.
    [again] = calibrate_model(model, data=data, engine="torch", progress=False)
    assert again.before.temperature == again.after.temperature == kept.object
    assert main(["calibrate", str(run), "--reset"]) == 0 and "are gone" in capsys.readouterr().out
    assert (model / "config.json").read_bytes() == before and (model / "README.md").read_bytes() == card
    assert main(["calibrate", str(run), "--reset"]) == 0 and "none to take away" in capsys.readouterr().out


def test_what_learns_from_a_calibrated_model_has_other_weights_and_no_temperature(run: Path, tmp_path: Path) -> None:
    model = shutil.copytree(run / "model", tmp_path / "model")
    calibrate_model(model, data=run.parent / "data", engine="torch", progress=False, out=tmp_path)
    assert read_config(model / "config.json").temperatures.known
    start = ["train", str(run / "recipe.yaml"), "--init", str(model), "--out", str(tmp_path / "tuned")]
    assert main([*start, "--data.root", str(run.parent / "data"), "--training.iterations=1"]) == 0
    assert not read_config(tmp_path / "tuned" / "model" / "config.json").temperatures.known


def test_a_training_that_was_interrupted_gives_its_model_with_the_temperature(run: Path, tmp_path: Path) -> None:
    stopped = shutil.copytree(run, tmp_path / "run")
    write_json(stopped / "run.json", {**run_facts(stopped), "status": "stopped"})
    assert not sceneparse.load(stopped, engine="torch").config.temperatures.known, "a copy is kept"
    calibrate_model(stopped, data=run.parent / "data", engine="torch", progress=False)
    assert sceneparse.load(stopped, engine="torch").config.temperatures.known


def test_what_cannot_keep_a_temperature_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = next((run / "checkpoints").glob("last-*.pt"))
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "config.json").write_text('{"model_type": "upernet"}')
    (tmp_path / "a.onnx").write_bytes(b"")
    refused = {
        str(checkpoint): "a checkpoint keeps no temperatures",
        str(run / "checkpoints"): "a checkpoint keeps no temperatures",
        str(foreign): f"sceneparse import {foreign} --out MODEL",
        "psp-resnet50-ade20k": "no model folder",
        str(tmp_path / "a.onnx"): "calibrate its model folder",
    }
    unreadable = Path(shutil.copytree(run / "model", tmp_path / "unreadable"))
    (unreadable / "README.md").write_bytes("Karte".encode("utf-16"))
    refused[str(unreadable)] = "README.md: not readable as text"
    for source, reason in refused.items():
        assert main(["calibrate", source, "--data", "x"]) == 2
        assert reason in capsys.readouterr().err, source
    assert main(words(run, "--reset")) == 2 and "--data has no effect beside --reset" in capsys.readouterr().err
    monkeypatch.setattr("sceneparse.weights.calibrated.state_of", lambda _: "going")
    assert main(words(run / "model")) == 2 and "its training has not ended" in capsys.readouterr().err


def test_all_labels_wrong_or_unknown_fit_no_temperature(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = shutil.copytree(run.parent / "data", tmp_path / "data")
    config = (run / "model" / "config.json").read_bytes()
    for value, reason in ((1, "right by no more than chance"), (255, "no label is known in 2 pictures")):
        for mask in (data / "val" / "masks").iterdir():
            labels = np.asarray(Image.open(mask))
            Image.fromarray((1 - labels if value == 1 else np.full_like(labels, 255)).astype(np.uint8)).save(mask)
        assert main(["calibrate", str(run), "--data", str(data), "--engine", "torch"]) == 2
        assert reason in capsys.readouterr().err
    assert (run / "model" / "config.json").read_bytes() == config


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_scored_or_kept(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = (run / "model" / "config.json").read_bytes()
    monkeypatch.setattr("sceneparse.diagnosing.calibrating.sample_pixels", lambda *_: pytest.fail("it was scored"))
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file: is a file; name a folder"):
        calibrate_model(run, data=run.parent / "data", out=tmp_path / "file", engine="torch", progress=False)
    assert (run / "model" / "config.json").read_bytes() == config


def test_a_temperature_that_makes_the_calibration_error_larger_is_not_kept(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = shutil.copytree(run, tmp_path / "run")
    config = (own / "model" / "config.json").read_bytes()
    monkeypatch.setattr("sceneparse.diagnosing.calibrating.fit_temperature", lambda _: 20.0)
    [one] = calibrate_model(own, data=run.parent / "data", engine="torch")
    assert not one.kept and one.after is one.before and one.fitted.calibration.error > one.before.calibration.error
    assert (own / "model" / "config.json").read_bytes() == config
    printed = " ".join(capsys.readouterr().out.split())
    assert "it is not kept, and that of the model stays 1" in printed and "nothing kept" in printed
    record = json.loads((own / "calibration" / "calibration.json").read_text())
    assert record["model"] == "run" and record["tasks"]["object"]["after"]["temperature"] == 1
    assert record["tasks"]["object"]["not_kept"]["temperature"] == 20
