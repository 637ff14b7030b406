import errno
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from sceneparse.cli import COMMANDS, main, parser_of
from tests.support.small import TINY


@pytest.mark.parametrize("words", [[], ["--help"], ["--version"]])
def test_help_answers_at_once_and_imports_nothing_heavy(words: list[str]) -> None:
    began = time.perf_counter()
    code = (
        "import sys; from sceneparse.cli import main; main(sys.argv[1:]);"
        "heavy = {'torch', 'timm', 'numpy', 'PIL', 'rich', 'jsonargparse'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True)
    assert time.perf_counter() - began < 2  # half a second on a quiet machine


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_its_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*name.split(), "--help"])
    assert stop.value.code == 0
    assert COMMANDS[name].example in capsys.readouterr().out


def test_the_help_of_train_lists_every_recipe_and_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = capsys.readouterr().out
    for expected in ("toy-pspnet", "camvid-pspnet-mobilenetv2", "--training.iterations 20000", "--network.bins"):
        assert expected in text


def test_train_evaluate_and_predict_from_the_command_line(
    data_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(f"data: {{root: {data_set}}}")
    run = tmp_path / "run"
    assert main(["train", str(recipe), "--out", str(run), *TINY]) == 0
    assert main(["evaluate", str(run / "model"), "--data", str(data_set), "--scales", "0.75", "1", "--flip"]) == 0
    out = run / "evaluation-scales-0.75_1-flip"
    metrics = json.loads((out / "metrics.json").read_text())
    assert {"mean_iou", "pixel_accuracy", "mean_accuracy", "frequency_weighted_iou"} <= set(metrics)
    assert "own size x 0.75, 1" in metrics["protocol"] and "with mirror image" in metrics["protocol"]
    assert [one["name"] for one in metrics["classes"]] == ["dark", "bright"]
    assert metrics["pictures"] == 2 and (out / "report.html").is_file()
    assert "mean" in capsys.readouterr().out
    # A test of some pictures does not take the place of one of all.
    assert main(["evaluate", str(run), "--data", str(data_set), "--count", "1"]) == 0
    assert "evaluation-1" in capsys.readouterr().out
    assert json.loads((out / "metrics.json").read_text()) == metrics and not (run / "evaluation").exists()
    assert json.loads((run / "evaluation-1" / "metrics.json").read_text())["pictures"] == 1
    assert "test split, 1 of its 2 pictures" in (run / "evaluation-1" / "report.html").read_text()
    out = tmp_path / "parsed"
    words = [str(run / "model"), str(data_set / "test" / "images"), "--out", str(out)]
    assert main(["predict", *words, "--engine", "torch"]) == 0  # evaluate has had the network converted
    assert Image.open(out / "000.png").size == (64, 48)
    assert {path.name for path in out.iterdir()} == {
        *(f"{name}{end}" for name in ("000", "001") for end in (".png", "_overlay.jpg", ".json")),
        "summary.json",
    }


def test_data_check_exits_with_2_on_findings_that_stop_a_training(data_set: Path, tmp_path: Path) -> None:
    findings = tmp_path / "findings.json"
    assert main(["data", "check", str(data_set), "--json", str(findings)]) == 0
    (data_set / "train" / "masks" / "000.png").unlink()
    assert main(["data", "check", str(data_set), "--json", str(findings)]) == 2
    assert json.loads(findings.read_text())["ok"] is False


def test_data_show_draws_a_sheet(data_set: Path, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    assert main(["data", "show", str(data_set), "--count", "2", "--out", str(picture)]) == 0
    assert Image.open(picture).width > 200


def test_a_fault_of_ours_exits_with_1_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sceneparse.weights.inventory.inventory", lambda **_: 1 / 0)
    assert main(["models"]) == 1
    assert "fault in sceneparse" in capsys.readouterr().err


@pytest.mark.parametrize("error", [NotADirectoryError, PermissionError])
def test_a_place_that_the_system_forbids_is_no_fault_of_ours(
    error: type[OSError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    number = {NotADirectoryError: errno.ENOTDIR, PermissionError: errno.EACCES}[error]

    def refused(**_: object) -> None:
        raise error(number, os.strerror(number), "a file/out.json")

    monkeypatch.setattr("sceneparse.weights.inventory.inventory", refused)
    assert main(["models"]) == 2
    said = capsys.readouterr().err
    assert said.strip() == f"error: a file/out.json: {os.strerror(number)}; name another file or folder"


@pytest.mark.parametrize(
    "error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")]
)
def test_a_lack_of_memory_is_no_fault_of_ours(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("sceneparse.weights.inventory.inventory", fail)
    monkeypatch.setattr("sceneparse.cli.training.refuse_unready", fail)
    for words, way in (
        (["models"], "end other programs that take it"),
        (["train", "toy-pspnet"], "make --training.batch smaller (auto finds one that fits)"),
    ):
        assert main(words) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: not enough memory (") and way in line


def test_a_reader_that_leaves_ends_no_work(tmp_path: Path) -> None:
    program = "import sys; from sceneparse.cli import main; sys.exit(main(sys.argv[1:]))"
    for words, code in ((["list", "--json", "kinds.json"], 0), (["check", "nowhere", "--kind", "folder"], 2)):
        reading, writing = os.pipe()
        os.close(reading)
        words = [sys.executable, "-c", program, "data", *words]
        done = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, cwd=tmp_path, text=True)
        os.close(writing)
        assert done.returncode == code and "Traceback" not in done.stderr, done.stderr
    assert "toyworld" in json.loads((tmp_path / "kinds.json").read_text())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [["--help"], ["data", "list"]])
def test_a_full_disk_under_what_is_printed_is_said_in_a_line(words: list[str]) -> None:
    program = "import sys; from sceneparse.cli import main; sys.exit(main(sys.argv[1:]))"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", program, *words], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: what this command prints cannot be written (No space left")


def test_what_a_command_writes_through_a_link_leaves_the_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link, target = tmp_path / "link.json", tmp_path / "there" / "target.json"
    link.symlink_to(target)
    for _ in range(2):  # not there yet, and there
        assert main(["data", "list", "toyworld", "--json", str(link)]) == 0
        assert link.is_symlink() and "toyworld" in json.loads(target.read_text())
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["target.json"]


def test_characters_that_the_output_lacks_are_no_fault() -> None:
    program = "import sys; from sceneparse.cli import main; sys.exit(main(['data', 'list']))"
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True)
    assert done.returncode == 0 and b"toyworld" in done.stdout and done.stdout.isascii()


def test_negative_numbers_with_an_exponent_are_no_options() -> None:
    given = parser_of("predict").parse_args(["m", "a.tif", "--out", "o", "--range", "-1e3", "-.5", "1e3"])
    assert given.range == [-1000.0, -0.5, 1000.0]


def test_help_is_given_for_the_commands_of_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "data check" in shown and "data build-broden" in shown and "evaluate" not in shown


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["data", "chek", "x"], "no command 'data chek'; did you mean 'data check'?"),
        (
            ["data", "list", "cityscape"],
            "KIND is 'cityscape', but must be one of toyworld, .*did you mean 'cityscapes'",
        ),
        (["predict", "m", "x", "--engine", "torhc"], "--engine is 'torhc', but must be one of .*did you mean 'torch'"),
        (["data", "show", "toyworld", "--count", "0"], "--count is 0, but must be a whole number of at least 1"),
        (["data", "show", "toyworld", "--count", "-1"], "--count is -1, but must be a whole number of at least 1"),
    ],
)
def test_a_wrong_word_is_one_line_that_says_what_there_is(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(expected, line)
