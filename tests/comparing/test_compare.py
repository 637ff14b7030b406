"""Runs side by side: finished or going on, evaluated or not, of equal and of different classes."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sceneparse.cli import main
from sceneparse.comparing import compare_runs
from sceneparse.drawing import curves
from sceneparse.errors import UserError
from sceneparse.evaluation import evaluate_model
from sceneparse.files import hold, write_json, write_text
from sceneparse.recipes import read_recipe, to_yaml
from sceneparse.weights.conversions import untempered_fingerprint
from sceneparse.weights.finding import refuse_missing
from sceneparse.weights.run_folder import told_apart
from tests.support.well_formed import Page

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a run folder by hand: `write("a", scores=[0.2, 0.4], lr=0.02, classes={"sky": 0.9})`."""

    def made(
        name: str,
        *,
        scores: list[float],
        status: str = "finished",
        classes: dict[str, float | None] | None = None,
        protocol: str = "whole",
        average: list[float] | None = None,
        data: dict[str, Any] | None = None,
        backbone: dict[str, Any] | None = None,
        on: dict[str, Any] | None = None,
        **optimizer: Any,
    ) -> Path:
        run = tmp_path / "runs" / name
        recipe = read_recipe(
            "toy-pspnet",
            name="toy",
            optimizer=optimizer,
            training={"iterations": 300},
            data=data or {},
            backbone=backbone or {},
        )
        write_text(run / "recipe.yaml", to_yaml(recipe))
        write_json(run / "run.json", {"status": status})
        lines: list[dict[str, Any]] = []
        for number, score in enumerate(scores, 1):
            done = {"iteration": 100 * number, "seconds": 60.0 * number}
            lines.append({"kind": "train", "loss": 3 / number, "lr": 0.1 / number, **done})
            figures = {"pixel_accuracy": score + 0.1, "protocol": "whole; 3 pictures of val"}
            lines.append({"kind": "validation", "mean_iou": score, **figures, **done})
            if average:
                lines.append({"kind": "validation_average", "mean_iou": average[number - 1], **figures, **done})
        text = "".join(json.dumps(line) + "\n" for line in lines)
        write_text(run / "metrics.jsonl", text + '{"kind": "tra')  # as of a writer that is at it
        if classes is not None:
            each = [{"name": one, "iou": iou, "accuracy": iou, "pixels": 5} for one, iou in classes.items()]
            known = [iou for iou in classes.values() if iou is not None]
            means = {"mean_iou": sum(known) / len(known), "pixel_accuracy": 0.5}
            where = {"kind": "toyworld", "split": "test", "folder": None} if on is None else on
            metrics = {**means, "protocol": protocol, **where, "pictures": 4, "classes": each}
            write_json(run / "evaluation" / "metrics.json", metrics)
        return run

    return made


def test_a_table_of_80_columns_says_how_far_each_run_is_what_it_scores_and_where_settings_differ(
    write: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    runs = [
        write("plain", scores=[0.2, 0.43217, 0.4], classes={"sky": 0.5, "car": 0.25}, lr=0.01),
        write("faster", scores=[0.1, 0.2], status="stopped", average=[0.3, 0.25], lr=0.02),
    ]
    assert main(["compare", *map(str, runs)]) == 0
    said = capsys.readouterr().out
    assert max(len(line) for line in said.splitlines() if not line.startswith("note: ")) <= 80
    rows = [re.sub(r"[│┃ ]+", " ", line).strip() for line in said.splitlines()]
    assert "plain ended 300 43.22 200 37.50 50.00 test 3.0" in rows
    assert "faster stopped 200/300 30.00 100 avg – – – 2.0" in rows
    assert "optimizer.lr 0.01 plain" in rows and "0.02 faster" in rows
    assert f"note: not evaluated yet: faster (sceneparse evaluate {runs[1]})" in said


def test_a_run_that_goes_on_is_compared_as_far_as_it_is(write: Write) -> None:
    runs = [write("one", scores=[0.2]), write("two", scores=[], status="running")]
    with (runs[1] / "metrics.jsonl").open("ab") as file:
        assert hold(file)
        one, two = compare_runs(runs, progress=False).runs
    assert (one.state, two.state) == ("ended", "going")
    assert two.iteration == 0 and two.best is None and two.seconds is None and two.evaluated is None
    assert compare_runs(runs[1:], progress=False).runs[0].state == "interrupted"


def test_the_page_and_the_json_hold_curves_settings_and_classes_of_all_runs(write: Write, tmp_path: Path) -> None:
    runs = [
        write("a", scores=[0.2, 0.4], classes={"sky": 0.51234, "car": None}, lr=0.01),
        write("b", scores=[0.3, 0.35], classes={"sky": 0.6, "car": 0.125}, lr=0.02),
        write("<c>", scores=[0.1], lr=0.02),
    ]
    compare_runs(runs, out=tmp_path / "out", progress=False)
    page = (tmp_path / "out" / "comparison.html").read_text(encoding="utf-8")
    assert all(link.startswith("#") for link in Page(page).links)
    assert "Validation: mean IoU" in page and "Training loss" in page and "Learning rate" in page
    assert "&lt;c&gt;" in page and "<c>" not in page and "src=" not in page
    assert page.count('class="curve"') >= 3 * 3 - 1
    assert '<th scope="row">sky</th><td class="number">51.23</td><td class="number"><b>60.00</b></td>' in page
    record = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert record["differing_settings"]["optimizer.lr"] == {"a": 0.01, "b": 0.02, "<c>": 0.02}
    assert record["runs"][0]["validation"]["figures"]["mean_iou"] == 0.4
    assert record["runs"][1]["evaluation"]["classes"] == {"sky": 0.6, "car": 0.125}
    assert record["runs"][2]["evaluation"] is None


def test_other_classes_and_other_protocols_are_said(write: Write) -> None:
    runs = [
        write("a", scores=[0.2], classes={"sky": 0.5}),
        write("b", scores=[0.2], classes={"sky": 0.5, "car": 0.5}, protocol="csail"),
    ]
    comparison = compare_runs(runs, progress=False)
    notes = "\n".join(comparison.notes())
    assert "different classes (a: 1 class; b: 2 classes)" in notes
    assert "evaluated differently" in notes and "a: whole; 4 pictures of toyworld test" in notes and "b: csail" in notes
    assert comparison.classes() == {"sky": [0.5, 0.5], "car": [None, 0.5]}


@pytest.mark.parametrize(
    ("on", "column"),
    [
        ({"kind": "toyworld", "split": "train", "folder": None}, "train"),
        ({"kind": "folder", "split": "test", "folder": "/data/other"}, "folder test"),
        ({}, "–"),
    ],
)
def test_an_evaluation_of_another_split_kind_or_folder_is_told_apart_and_never_the_best(
    on: dict[str, Any], column: str, write: Write, tmp_path: Path
) -> None:
    runs = [
        write("a", scores=[0.2], classes={"sky": 0.5}),
        write("b", scores=[0.1], classes={"sky": 0.75}, on=on),
    ]
    comparison = compare_runs(runs, out=tmp_path / "out", progress=False)
    assert [run.tested_on for run in comparison.runs] == ["test", column]
    notes = "\n".join(comparison.notes())
    assert "evaluated differently" in notes and "a: whole; 4 pictures of toyworld test; b: whole; 4 pictures" in notes
    assert ("evaluated on the pictures that it learns from: b" in notes) is (column == "train")
    assert ("an earlier version evaluated b, and did not say on which split" in notes) is (not on)
    page = (tmp_path / "out" / "comparison.html").read_text(encoding="utf-8")
    assert "75.00" in page and "<b>75.00</b>" not in page and "<b>20.00</b>" in page


def test_an_evaluation_says_what_it_is_of(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, data = shutil.copytree(tiny_run, tmp_path / "run"), tiny_run.parent / "data"
    monkeypatch.chdir(data.parent)
    evaluate_model(run, data="data", split="train", engine="torch", progress=False)
    metrics = json.loads((run / "evaluation" / "metrics.json").read_text())
    assert [metrics[name] for name in ("kind", "split", "folder")] == ["folder", "train", str(data)]
    assert metrics["untempered_sha256"] == untempered_fingerprint(run / "model")
    comparison = compare_runs([run], progress=False)
    assert comparison.notes() == ["evaluated on the pictures that it learns from: run"]


@pytest.mark.parametrize(
    ("train", "split", "learnt"),
    [("train+val", "val", True), ("train[1:]", "train[:1]", False), ("train", "val", False)],
)
def test_pictures_that_are_learnt_from_are_known_in_joined_splits_and_pieces(
    train: str, split: str, learnt: bool, write: Write
) -> None:
    on = {"kind": "toyworld", "split": split, "folder": None}
    run = write("a", scores=[0.2], classes={"sky": 0.5}, data={"train": train}, on=on)
    assert compare_runs([run], progress=False).runs[0].tested_on_training is learnt


def test_figures_on_pictures_of_other_sizes_classes_or_precision_do_not_compare(write: Write) -> None:
    def notes(one: dict[str, Any], other: dict[str, Any], **data: Any) -> str:
        where = {"kind": "toyworld", "split": "test", "folder": None}
        given = {"scores": [0.2], "classes": {"sky": 0.5}}
        runs = [write("a", **given, on=where | one), write("b", **given, on=where | other, data=data)]
        return "\n".join(compare_runs(runs, progress=False).notes())

    usual = {"precision": "float32", "data_options": {}}
    assert notes(usual, usual) == "" and notes({}, usual) == "", "an earlier version did not say it"
    assert "test, float32; b: whole; 4 pictures of toyworld test, bfloat16" in notes(
        usual, usual | {"precision": "bfloat16"}
    )
    assert 'options.unlabelled "ignore", float32' in notes(
        usual, usual | {"data_options": {"options.unlabelled": "ignore"}}
    )
    assert notes(usual, usual | {"data_options": {"range": [0, 4095]}}) == "", "the truth is the same"
    said = notes(usual, usual, toyworld={"size": 64})
    assert "validated differently" in said and "of toyworld, toyworld.eval_count 120, toyworld.size 64" in said


def test_a_record_that_cannot_be_read_is_a_note(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [write(name, scores=[0.2], classes={"sky": 0.5}) for name in ("a", "b")]

    def read(path: Path) -> list[dict[str, Any]]:
        if path.parent.name == "b":
            raise PermissionError(13, "Permission denied")
        return read_lines(path)

    read_lines = curves.read
    monkeypatch.setattr(curves, "read", read)
    comparison = compare_runs(runs, progress=False)
    assert comparison.runs[0].best and comparison.runs[1].best is None and comparison.runs[1].evaluated
    assert "metrics.jsonl: cannot be read (Permission denied)" in "\n".join(comparison.notes())


def with_model(run: Path) -> Path:
    write_json(run / "model" / "labels.json", {"names": ["sky"]})
    for name in ("config.json", "model.safetensors"):
        write_text(run / "model" / name, "")
    return run


def test_an_evaluation_of_before_the_model_is_said_to_be_one(write: Write) -> None:
    run = with_model(write("a", scores=[0.2], classes={"sky": 0.5}))
    (note,) = compare_runs([run], progress=False).notes()
    assert note == f"evaluated before the model became another one: a (sceneparse evaluate {run})"


def test_whether_the_model_is_another_one_goes_by_its_fingerprint_not_by_when_it_was_copied(
    write: Write, tmp_path: Path
) -> None:
    run = with_model(write("a", scores=[0.2], classes={"sky": 0.5}))
    path = run / "evaluation" / "metrics.json"
    metrics = json.loads(path.read_text()) | {"untempered_sha256": untempered_fingerprint(run / "model")}
    write_json(path, metrics)
    os.utime(path, (1, 1))
    copied = shutil.copytree(run, tmp_path / "copied")
    assert compare_runs([copied], progress=False).notes() == []
    write_json(copied / "model" / "config.json", {"temperatures": {"object": 2.0}})
    write_json(run / "model" / "config.json", {})
    write_json(path, metrics | {"untempered_sha256": untempered_fingerprint(run / "model")})
    shutil.copy(path, copied / "evaluation")
    assert compare_runs([copied], progress=False).notes() == [], "a temperature changes no figure"
    write_text(copied / "model" / "model.safetensors", "better")
    assert "became another one: copied" in compare_runs([copied], progress=False).notes()[0]


def test_what_evaluates_a_run_names_the_folder_that_its_kind_needs(write: Write) -> None:
    run = write("a", scores=[0.2], data={"kind": "folder", "root": "my data"})
    (note,) = compare_runs([run], progress=False).notes()
    assert note == f"not evaluated yet: a (sceneparse evaluate {run} --data 'my data')"


def test_what_is_damaged_in_a_run_is_a_note_and_the_others_are_compared(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [write(name, scores=[0.2, 0.4], classes={"sky": 0.5}) for name in ("whole", "torn", "newer", "odd")]
    path = runs[1] / "evaluation" / "metrics.json"
    path.write_bytes(path.read_bytes()[:40] + b"\xff")
    (runs[2] / "recipe.yaml").write_text("optimizer: {momentous: 3}")
    write_text(with_model(runs[3]) / "model" / "labels.json", '{"names": 3}')
    comparison = compare_runs(runs, out=tmp_path / "out")
    whole, torn, newer, odd = comparison.runs
    assert not whole.problems and [list(run.problems) for run in (torn, newer, odd)] == [
        ["evaluation"],
        ["recipe"],
        ["labels"],
    ]
    assert torn.best and torn.evaluated is None and newer.evaluated and newer.iterations is None and odd.evaluated
    notes = "\n".join(comparison.notes())
    for said in ("metrics.json: is no metrics.json of an evaluation", "momentous", "labels.json"):
        assert said in notes
    assert "not evaluated yet" not in notes, "it was"
    assert comparison.differing() == {} and "newer" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "comparison.json").read_text())["runs"][1]["problems"]
    with pytest.raises(UserError, match=r"metrics\.json: is no metrics\.json of an evaluation"):
        compare_runs(runs[1:], progress=False)


def test_what_is_no_run_or_named_twice_is_refused(write: Write, tmp_path: Path) -> None:
    run = write("a", scores=[0.2])
    with pytest.raises(UserError, match=r"no such run folder"):
        compare_runs([tmp_path / "nowhere"], progress=False)
    (tmp_path / "notes" / "of" / "mine").mkdir(parents=True)
    with pytest.raises(UserError, match=r"is no run folder \(no recipe.yaml in it\), nor holds any: give folders"):
        compare_runs([tmp_path / "notes"], progress=False)
    with pytest.raises(UserError, match="is named twice"):
        compare_runs([run, run], progress=False)
    write_text(run / "evaluation" / "metrics.json", "{}")
    with pytest.raises(UserError, match=r"metrics\.json: is no metrics\.json of an evaluation"):
        compare_runs([run], progress=False)


def test_a_folder_of_runs_stands_for_the_runs_in_it(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("b", "a", "z"):
        write(name, scores=[0.2])
    runs, other = tmp_path / "runs", write("../other", scores=[0.2])
    (runs / "notes").mkdir()
    (runs / "table.csv").touch()
    (runs / "latest").symlink_to(runs / "z")
    (runs / "0-first").symlink_to(runs / "a")
    found = [run.folder for run in compare_runs(runs, progress=False).runs]
    assert found == [runs / name for name in ("a", "b", "z")], "not the links, which may lead elsewhere tomorrow"
    each = [runs / name for name in ("0-first", "a", "b", "latest", "z")]  # as a shell makes it of runs/*
    assert [run.name for run in compare_runs(each, progress=False).runs] == ["a", "b", "z"]
    assert [run.folder for run in compare_runs(runs / "latest", progress=False).runs] == [runs / "latest"]
    names = [run.name for run in compare_runs([other, runs], progress=False).runs]
    assert names == ["other", "runs/a", "runs/b", "runs/z"]
    monkeypatch.chdir(runs)
    assert [run.name for run in compare_runs(".", progress=False).runs] == ["a", "b", "z"]
    monkeypatch.chdir(runs / "a")
    assert [run.name for run in compare_runs(".", progress=False).runs] == ["a"]
    with pytest.raises(UserError, match="a: is named twice"):
        compare_runs([runs, runs / "a"], progress=False)


def test_a_sweeps_folder_and_that_of_several_sweeps_stand_for_the_runs_of_their_rows(
    write: Write, tmp_path: Path
) -> None:
    each = [write(f"{row}/seed{seed}", scores=[0.2]) for row in ("fcn", "pspnet") for seed in (0, 1)]
    sweep = tmp_path / "runs"
    write_json(sweep / "summary.json", {})
    (sweep / ".cache").mkdir()
    found = compare_runs(sweep, progress=False).runs
    assert [run.folder for run in found] == each
    assert [run.name for run in found] == ["fcn/seed0", "fcn/seed1", "pspnet/seed0", "pspnet/seed1"]
    assert [run.folder for run in compare_runs(tmp_path, progress=False).runs] == each
    assert [run.folder for run in compare_runs(sweep / "fcn", progress=False).runs] == each[:2]
    with pytest.raises(UserError, match=r"a folder of 4 runs: name one of them, such as .*fcn/seed0, "):
        refuse_missing(sweep)


def test_what_a_pattern_finds_beside_runs_is_left_out_with_a_word(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [write(name, scores=[0.2]) for name in ("a", "b")]
    beside = [tmp_path / "runs" / name for name in ("notes", "sweep.json")]
    beside[0].mkdir()
    beside[1].write_text("{}")
    found = compare_runs([*beside, *runs], out=tmp_path / "out", progress=False)
    assert [run.folder for run in found.runs] == runs and found.left_out == tuple(beside)
    note = f"left out, since they are no runs: {beside[0]}, {beside[1]}"
    assert found.notes()[0] == note
    assert note in json.loads((tmp_path / "out" / "comparison.json").read_text())["notes"]
    assert main(["compare", str(runs[0]), str(beside[1])]) == 0
    said = "".join(capsys.readouterr().out.split())
    assert "".join(f"left out, since it is no run: {beside[1]}".split()) in said
    with pytest.raises(UserError, match="notes: is no run folder"):
        compare_runs(beside, progress=False)
    with pytest.raises(UserError, match="nowhere: there is no such run folder"):
        compare_runs([*runs, tmp_path / "nowhere"], progress=False)


def test_paths_are_told_apart_by_the_shortest_names(tmp_path: Path) -> None:
    runs = [tmp_path / "runs" / name for name in ("a", "b")]
    assert told_apart(runs) == told_apart([run / "model" for run in runs]) == ["a", "b"]
    assert told_apart([tmp_path / "x" / "seed0", tmp_path / "y" / "seed0"]) == ["x/seed0", "y/seed0"]
    assert told_apart([tmp_path / "a", tmp_path / "a" / "b"]) == ["a", "b"]
    assert told_apart([tmp_path / "a" / "model"]) == ["a"]


def test_a_setting_that_follows_from_another_is_no_difference_of_its_own(write: Write) -> None:
    def differing(*backbones: dict[str, Any]) -> list[str]:
        runs = [write(f"{number}", scores=[0.2], backbone=one) for number, one in enumerate(backbones)]
        return [name for name in compare_runs(runs, progress=False).differing() if name.startswith("backbone")]

    assert differing({"name": "resnet18", "padding": "symmetric"}, {"name": "tf_mobilenetv3", "padding": "same"}) == [
        "backbone.name"
    ]
    assert differing({"padding": "symmetric"}, {"padding": None}) == [], "open is what the weights say"
    assert differing({"padding": "symmetric"}, {"padding": "same"}) == ["backbone.padding"]


def test_the_recipe_stands_beside_the_names_of_the_runs(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compare_runs([write("a", scores=[0.2]), write("b", scores=[0.2])], out=tmp_path / "out")
    assert "recipe: toy\n" in capsys.readouterr().out
    assert "<dt>recipe</dt><dd>toy</dd>" in (tmp_path / "out" / "comparison.html").read_text(encoding="utf-8")
    assert [run["recipe"] for run in json.loads((tmp_path / "out" / "comparison.json").read_text())["runs"]] == [
        "toy",
        "toy",
    ]
