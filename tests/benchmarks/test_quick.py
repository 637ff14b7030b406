"""Every program runs in its quick form, on real work, and says what it has found."""

import importlib.util
import json
import multiprocessing
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sceneparse.inference import choosing
from tests.support.forked import CONTEXT, Popen

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
MAIN = 'if __name__ == "__main__":'
PROGRAMS = sorted(path.stem for path in BENCHMARKS.glob("*.py") if MAIN in path.read_text(encoding="utf-8"))
PRECISIONS = ("float32", "bfloat16")
NEEDS = {
    "accuracy_peers": "segmentation_models_pytorch",
    "rasters": "rasterio",
    "serving_hostile": "fastapi",
    "serving_kill": "fastapi",
    "serving_load": "fastapi",
}
"""Packages of extras without which a program can do nothing."""

FORKED = {
    "compatibility",
    "photo_sizes",
    "time_to_accuracy",
    "serving_hostile",
    "serving_kill",
    "serving_load",
}
"""Programs whose processes run Python, and need not import PyTorch anew for what they show."""


def has_bfloat16() -> bool:
    """Whether this processor computes in bfloat16."""
    import torch

    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


@contextmanager
def loaded(program: str) -> Iterator[ModuleType]:
    """A program as a module of its own name, which processes that it starts find again; gone afterwards."""
    before = sys.modules.get(program)
    spec = importlib.util.spec_from_file_location(program, BENCHMARKS / f"{program}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[program] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[program]
        if before is not None:
            sys.modules[program] = before


def run(program: str, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit status of a program that is called with these words."""
    monkeypatch.setattr(sys, "argv", [f"{program}.py", *words])
    with loaded(program) as module:
        try:
            return module.main() or 0
        except SystemExit as end:
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
            return end.code if isinstance(end.code, int) else 0 if end.code is None else 1


def timed(rows: list[dict[str, Any]]) -> bool:
    return bool(rows) and all(row["ms"] > 0 for row in rows if row.get("ms") is not None)


def compared(rows: list[dict[str, Any]]) -> bool:
    """Whether each row of peers.py has time, ratio, memory and agreement, and ours computes the same in less."""
    inference = {(row["row"], row["precision"]): row for row in rows if row["task"] == "inference"}
    measured = [inference[name] for name in product(("sceneparse, auto", "plain, channels-last"), PRECISIONS)]
    ours, _, plain, _ = measured
    keys = {"network", "row", "engine", "precision", "ms", "ratio", "ratio_low", "ratio_high", "ratio_auto"}
    return (
        timed(rows)
        and all(row["ms"] for row in measured)
        and {row["task"] for row in rows} == {"inference", "training"}
        and all(keys | {"peak_mib", "labels_equal", "multiply_adds", "note"} <= set(row) for row in rows)
        and all(row["ratio_low"] <= row["ratio"] <= row["ratio_high"] for row in rows if row["ms"] is not None)
        and ours["ratio"] == 1
        and ours["labels_equal"] > 0.999
        and ours["multiply_adds"] < plain["multiply_adds"]
    )


WITH_ONNX = ["predict", "onnx"] if find_spec("onnxscript") and find_spec("onnxruntime") else ["predict"]
WAYS = [*(3 * WITH_ONNX), *(["serve"] if find_spec("fastapi") else [])]
"""How the sizes of a photo are parsed where these packages are there."""


def apart(rows: list[dict[str, Any]]) -> float:
    """By how much the share of a class differs at most between any two of the answers."""
    names = {name for row in rows for name in row["shares"]}
    shares = [[row["shares"].get(name, 0.0) for row in rows] for name in names]
    return max(max(of_class) - min(of_class) for of_class in shares)


def alike(found: dict[str, Any]) -> bool:
    """Whether all ways of a size, and the sizes that are made smaller, give nearly equal shares of classes.

    Random weights tell the smallest size, which is parsed as it is, from the others by more than trained ones do.
    """
    ways = [[row for row in found["rows"] if row["width"] == width] for width in (64, 256, 1024)]
    return (
        all(apart(rows) < 0.002 for rows in ways)
        and apart(ways[1] + ways[2]) < 0.02
        and abs(found["largest_difference"] - apart(found["rows"])) < 1e-4
        and found["largest_difference"] < 0.06
    )


CHECKS: dict[str, Callable[[Any], bool]] = {
    "accuracy_peers": lambda rows: (
        [row["network"] for row in rows] == ["ours", "smp FPN"]
        and all(0 <= row["mean_iou"] <= 1 and row["multiply_adds"] > 0 for row in rows)
    ),
    "ablation": lambda rows: timed(rows) and [row["row"] for row in rows] == ["start", "only channels-last", "all"],
    "agreement": lambda rows: (
        # Where bfloat16 is emulated, sums are rounded once more before a bias is added.
        {row["row"]: row["equal"] for row in rows}["torch, exact"] >= (rows[0]["equal"] if has_bfloat16() else 0.9)
        and rows[0]["equal"] > 0.9
        and rows[0]["row"] == "as written, autocast"
        and all(0 < row["error"] < 0.1 for row in rows)
    ),
    "backbone_families": lambda rows: [row["name"] for row in rows] == ["test_vit"] and all(row["ok"] for row in rows),
    "collection": lambda found: found["ok"] and found["lost"] == found["twice"] == 0 and found["failed"] == 1,
    "compatibility": lambda rows: len(rows) > 4 and not any(row["difference"] for row in rows),
    "data_check": lambda found: found["same_findings"] and min(*found["seconds"], *found["cpu_seconds"]) > 0,
    "depthwise": lambda rows: len(rows) == 10 and all(row["plain_ms"] > 0 < row["ours_ms"] for row in rows),
    "finetuning": lambda found: (
        [row["iterations"] for row in found["gain"]] == [0, 2, 4] and all(row["ms"] > 0 for row in found["frozen"])
    ),
    "fuzz_import": lambda rows: all(row["refused"] == 2 and not row["wrong"] for row in rows),
    "gpu": lambda found: (
        not found["failed"]
        and {"labels", "loss", "overlap", "recipe", "agreement", "inference", "training"}
        == {one["section"] for one in found["promises"]}
        # It compiles nothing and has no data, so that what depends on these is open.
        and all(
            one["found"] > 0 or one["section"] == "agreement" for one in found["promises"] if one["found"] is not None
        )
        and all(
            one["found"] is not None or "torch.compile" in str(one["missing"]) or "--data" in str(one["untried"])
            for one in found["promises"]
        )
        and [len(one["rows"]) for one in found["promises"] if one["section"] == "overlap"] == [2, 2]
        and all(one["kept"] for one in found["promises"] if "equal" in one["what"] or "CPU's" in one["what"])
        and {one["what"].partition(",")[0] for one in found["promises"] if one["section"] == "agreement"}
        == {"upernet50", "unified50"}
        and all(
            set(one["shares"]) == set(one["rows"]) and all(0 < share < 1 for share in one["shares"].values())
            for one in found["promises"]
            if one["unit"] == "ms" and one["section"] in ("inference", "training")
        )
    ),
    "heads": lambda rows: (
        {row["head"] for row in rows} == {"pyramid", "fusion"}
        and all(row["difference"] < (1e-5 if row["precision"] == "float32" else 0.05) for row in rows)
    ),
    "input_pipeline": lambda found: (
        found["loader_decoding_per_second"] > 0 < found["step_per_second"]
        and len(found["augmentation_ms"]) >= 8
        and min(found["augmentation_ms"].values()) > 0
    ),
    "labels": lambda found: found["plain_differing_pixels"] == 0 and found["skipping_differing_pixels"] < 10,
    "large_picture": lambda found: found["equal_share"] > 0.999 and found["classes_seen"] > 1,
    "loss": lambda found: (
        timed([{"ms": row["banded_ms"]} for row in found["rows"]])
        and len(found["rows"]) == 8
        and all(row["loss_difference"] < 1e-5 and row["gradient_difference"] < 1e-4 for row in found["rows"])
    ),
    "mmseg_checkpoints": lambda found: found["counts"]["wrong"] == 0 and found["counts"]["right"] > 4,
    "peers": compared,
    "rasters": lambda found: found["seconds"] > 0 and found["peak_mib"] > 100 and found["labels_equal"] is None,
    "recipes_table": lambda found: len(found["recipes"]) == len(found["ablations"]) == 1,
    "serving_hostile": lambda found: (
        found["requests"] == 120
        and not found["wrong"]
        and not found["stderr"]
        and found["answers_afterwards"]
        and {"200", "400", "404", "413", "415", "422"} <= {one for kind in found["outcomes"].values() for one in kind}
        and not any("500" in kind for kind in found["outcomes"].values())
    ),
    "serving_kill": lambda found: found["right"] > 0 < found["closed"] and found["wrong"] == found["unanswered"] == 0,
    "serving_load": lambda found: all(
        row["answers"] > 0 and not row["errors"] and row["mean_batch"] >= 1 and row["p50_ms"] <= row["p99_ms"]
        for row in found["rows"]
    ),
    "photo_sizes": lambda found: (
        timed([{"ms": row["seconds"]} for row in found["rows"]])
        and {tuple(row["tested"]) for row in found["rows"]} == {(64, 48)}
        and [row["way"] for row in found["rows"]] == WAYS
        and alike(found)
    ),
    "start_up": lambda rows: (
        [row["this_status"] for row in rows] in ([0, 2, 2, 2, 0], [0, 2, 2, 2])  # the last is there with OpenVINO
        and all(row["this_cpu_s"] > 0 for row in rows)
    ),
    "time_to_accuracy": lambda found: (
        [row["recipe"] for row in found["rows"]] == ["toy-pspnet", "toy-fcn"]
        # The first is ended when it has had as long as the other, which may be before its last validation.
        and [point["iterations"] for point in found["rows"][0]["points"]] in ([2], [2, 4])
        and [point["iterations"] for point in found["rows"][1]["points"]] == [2, 4]
        and all(0 < row["points"][0]["seconds"] <= row["seconds"] for row in found["rows"])
    ),
    "timm_backbones": lambda found: (
        found["built"] == 5
        and found["plain_vits"] == 2
        and list(found["reasons"]) == ["it takes pictures of one size only"]
    ),
    "training_speed": lambda found: found["rows"][0]["images_per_second"] > 0 and found["recipe"] == "toy-fcn",
    "training_memory": lambda rows: (
        [row["row"] for row in rows] == ["plain", "activation_checkpointing"]
        and timed(rows)
        and min(row["mib"] for row in rows) > 0
    ),
    "unified": lambda rows: {"object mean IoU", "iterations"} <= {row["figure"] for row in rows},
    "unified_engines": lambda rows: timed(rows) and rows[0]["alike"] > 0.999,
    "weight_gradients": lambda rows: len(rows) == 9 and all(row["plain_ms"] > 0 < row["ours_ms"] for row in rows),
}
"""What must be true of the figures that a program writes."""


@pytest.mark.parametrize("program", [program for program in PROGRAMS if program != "parity"])
def test_the_quick_form_runs_and_its_figures_are_right(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if program in NEEDS:
        pytest.importorskip(NEEDS[program], reason=f"{NEEDS[program]} is not installed")
    if program == "peers":  # by PyTorch, which needs no conversion
        monkeypatch.setattr(choosing, "find_spec", lambda _: None)
    if program == "training_memory":  # in processes that need not import PyTorch anew
        monkeypatch.setattr(multiprocessing, "get_context", lambda _: CONTEXT)
    if program in FORKED:
        monkeypatch.setattr(subprocess, "Popen", Popen)
    figures = tmp_path / "figures.json"
    assert run(program, monkeypatch, "--quick", "--json", str(figures)) == 0
    assert CHECKS[program](json.loads(figures.read_text(encoding="utf-8")))


def test_the_quick_form_of_parity_compares_the_smallest_cases(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = tmp_path / "figures.json"
    words = ("--quick", "--cases", str(shared / "parity"), "--json", str(figures))
    assert run("parity", monkeypatch, *words) == 0
    rows = json.loads(figures.read_text(encoding="utf-8"))
    assert len({row["case"] for row in rows}) == 3 and all(row["ok"] for row in rows)


def test_parity_without_cases_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("parity", monkeypatch, "--quick") == 0
    assert "nothing is compared" in capsys.readouterr().err
    assert run("parity", monkeypatch) == 2
    assert "--cases is missing" in capsys.readouterr().err


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_shows_an_example_and_the_shared_options(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(program, monkeypatch, "--help") == 0
    shown = capsys.readouterr().out
    assert all(text in shown for text in (f"python benchmarks/{program}.py", "--quick", "--json"))


def test_json_without_a_file_takes_the_tables_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("heads", monkeypatch, "--quick", "--json") == 0
    assert len([json.loads(line) for line in capsys.readouterr().out.splitlines()]) == 4


def test_what_is_given_wins_over_the_quick_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = tmp_path / "figures.json"
    assert run("labels", monkeypatch, "--quick", "--classes", "7", "--json", str(figures)) == 0
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert found["classes"] == 7 and found["size"] == [121, 121]


def test_a_row_that_an_ablation_does_not_have_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("ablation", monkeypatch, "training", "--quick", "--rows", "only batch normalisation folded") == 2
    assert "'only batch normalisation folded' is no row of training; rows are: start, only" in capsys.readouterr().err


@pytest.mark.parametrize("program", ["training_memory", "input_pipeline", "accuracy_peers", "unified"])
def test_a_batch_that_is_left_to_the_machine_and_wrong_settings_are_refused_in_a_line(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if program in NEEDS:
        pytest.importorskip(NEEDS[program], reason=f"{NEEDS[program]} is not installed")
    for words, message in (
        (["--training.batch", "auto"], "training.batch is auto, but rows are compared at one batch"),
        (["--training.batc=3"], "command line: unknown setting '--training.batc'; did you mean '--training.batch'?"),
    ):
        assert run(program, monkeypatch, "--quick", *words) == 2
        said = capsys.readouterr().err
        assert message in said and said.count("\n") == 1
