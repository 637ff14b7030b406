"""Commands that are printed to be copied, and those of the first pages of the docs, run as they stand."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

import sceneparse
from sceneparse.cli import main
from sceneparse.cli.settings import given_settings
from sceneparse.comparing import compare_runs
from sceneparse.errors import UserError
from sceneparse.recipes import from_mapping
from sceneparse.settings import Recipe
from sceneparse.training.loop import train
from tests.support.one_piece import coco
from tests.support.small import TINY, write_data_set

FORMS = {
    "with a test split": ({"train": 3, "val": 2, "test": 2}, "test", 2),
    "without a test split": ({"train": 3, "val": 2}, "val", 2),
    "in one piece": ({".": 9}, "val", 4),
    "an export in one piece": (None, "val", 5),
}


def trained(folder: Path, counts: dict[str, int] | None) -> tuple[Path, Path]:
    """A run outside of runs/ and its data, an export where no counts are given; a shell would part both names."""
    data = folder / "my data"
    data = data if counts is None else write_data_set(data, counts)
    kind = "folder" if counts else coco(data).kind
    given = given_settings(Recipe, [*TINY, f"--data.root={data}", f"--data.kind={kind}"])
    return train(from_mapping(Recipe, {"name": "tiny"}, "test", given), folder / "else where" / "a run"), data


@pytest.mark.parametrize("form", FORMS)
def test_what_compare_and_the_docs_say_to_type_tests_on_what_the_training_left(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts, split, pictures = FORMS[form]
    run, data = trained(tmp_path, counts)
    (note,) = compare_runs([run], progress=False).notes()
    found = re.search(r"\(sceneparse (.*)\)", note)
    assert found is not None
    capsys.readouterr()
    assert main([*shlex.split(found[1]), "--engine", "torch"]) == 0
    said = capsys.readouterr().err
    assert (f"note: there is no split 'test': tested on '{split}', which the training held out" in said) is (
        split == "val"
    )
    metrics = json.loads((run / "evaluation" / "metrics.json").read_text())
    assert (metrics["split"], metrics["pictures"]) == (split, pictures)
    assert (metrics["model"], metrics["recipe"]) == ("a run", "tiny")
    assert compare_runs([run], progress=False).notes() == []
    report = (run / "evaluation" / "report.html").read_text(encoding="utf-8")
    assert f"<h1>a run on my data, {split}</h1>" in report and f"{run}, recipe tiny" in report
    assert main(["diagnose", str(run / "model"), "--data", str(data), "--engine", "torch"]) == 0
    assert json.loads((run / "diagnosis" / "diagnosis.json").read_text())["metrics"]["split"] == split
    assert f"a run on my data, {split}</h1>" in (run / "diagnosis" / "diagnosis.html").read_text(encoding="utf-8")


def test_a_split_that_is_named_or_data_of_others_never_become_another_split(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, data = trained(tmp_path, {".": 9})
    other = shutil.copytree(data, tmp_path / "other")
    moved = shutil.copytree(run / "model", tmp_path / "moved")
    wrong = [[str(run), "--data", str(data), "--split", "test"], [str(run), "--data", str(other)]]
    for words in (*wrong, [str(moved), "--data", str(data)]):
        assert main(["evaluate", *words, "--engine", "torch"]) == 2
        said = capsys.readouterr().err
        assert "no split 'test'" in said and "what its training held out: --split val; one that" in said
        assert said.index("--split val") < said.index("--split all")
    for verb, more in (("evaluate", " --split val"), ("diagnose", ""), ("calibrate", "")):
        assert main([verb, str(run), *more.split()]) == 2
        line = shlex.join(["sceneparse", verb, str(run / "model" if verb == "calibrate" else run), "--data", str(data)])
        assert f"on what the model was trained on: {line}{more}\n" in capsys.readouterr().err
    with pytest.raises(UserError, match="was trained on: data='"):
        sceneparse.evaluate(run)


def test_how_data_were_parted_is_said_in_full_where_they_are_learnt_and_in_short_where_they_are_tested(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, data = trained(tmp_path, {".": 9})
    learnt = capsys.readouterr().err
    short = "there is one split, 'all': one picture in five of it, by its name, is held out as val (4 of 9)"
    assert f"note: {short}, the others are train; to part it yourself: " in learnt
    assert "all[4:]" in learnt and "all[:4]" in learnt
    for verb in ("evaluate", "diagnose", "calibrate"):
        assert main([verb, str(run), "--data", str(data), "--engine", "torch"]) in (0, 2)
        said = capsys.readouterr().err.splitlines()
        assert f"note: {short}" in said and not any("part it yourself" in line for line in said)
