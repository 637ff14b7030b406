"""The promises on a GPU: a section that fails costs none of what the others find."""

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch


def test_a_section_that_fails_is_told_and_the_others_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import gpu
    from gpu_report import Promise

    def failing(_: object) -> Iterator[Any]:
        yield Promise("labels", "found before", 1.0, 2.0)
        raise RuntimeError("the [/card] is gone")

    def fine(_: object) -> Iterator[Any]:
        yield Promise("loss", "found after", 0.05, 0.1, at_most=True)

    monkeypatch.setattr(gpu, "SECTIONS", {"labels": failing, "loss": fine})
    figures = tmp_path / "figures.json"
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--quick", "--json", str(figures)])
    assert gpu.main() == 1
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert [(one["what"], one["kept"]) for one in found["promises"]] == [("found before", False), ("found after", True)]
    assert found["failed"]["labels"].splitlines()[-1] == "RuntimeError: the [/card] is gone"
    shown = capsys.readouterr()
    assert "FAILED" in shown.out and "the [/card] is gone" in shown.err


def test_sections_have_processes_of_their_own_whose_end_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import gpu

    figures = tmp_path / "figures.json"
    arguments = ["gpu.py", "--device", "cpu", "--repeats", "1", "--json", str(figures)]
    # What stands in for the program: the first section promises something, the second one's process dies.
    program = tmp_path / "program.py"
    program.write_text(
        "import json, os, sys\n"
        "row = {'section': 'labels', 'what': 'x', 'found': 3.0, 'bound': 2.0, 'at_most': False, 'kept': True}\n"
        "if sys.argv[1] == 'loss': os._exit(7)\n"
        "if sys.argv[1] == 'recipe': import no_such_package\n"
        "json.dump({'promises': [row], 'failed': {}}, open(sys.argv[sys.argv.index('--json') + 1], 'w'))\n"
    )
    monkeypatch.setattr(gpu, "__file__", str(program))
    monkeypatch.setattr(sys, "argv", [*arguments, "labels", "loss", "recipe"])
    assert gpu.main() == 1
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert [one["found"] for one in found["promises"]] == [3.0]
    # Python itself ends with 1, as a section does whose promise is not kept.
    assert found["failed"] == {"loss": "its process ended with 7", "recipe": "its process ended with 1"}
    monkeypatch.setattr(sys, "argv", [*arguments, "labels", "--minutes", "0"])
    assert gpu.main() == 1
    assert "the time is over" in capsys.readouterr().err


def test_a_section_whose_time_is_over_ends_with_all_that_it_has_started(tmp_path: Path) -> None:
    from gpu_report import Report, measure_apart

    # What stands in for the program: it has found something, started another one, and then hangs.
    program = tmp_path / "program.py"
    program.write_text(
        "import json, subprocess, sys, time\n"
        "if sys.argv[1] != 'hang':\n"
        "    row = {'section': 'labels', 'what': 'x', 'found': 3.0, 'bound': 2.0, 'at_most': False, 'kept': True}\n"
        "    json.dump({'promises': [row], 'failed': {}}, open(sys.argv[sys.argv.index('--json') + 1], 'w'))\n"
        "    child = subprocess.Popen([sys.executable, sys.argv[0], 'hang'])\n"
        f"    open({str(tmp_path / 'child')!r}, 'w').write(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    report = Report("CPU")
    measure_apart(str(program), "labels", [], report, time.monotonic() + 1.5)
    assert [one.found for one in report.promises] == [3.0] and report.failed == {"labels": "out of time"}
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 10
    while is_there(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_there(child)


def is_there(process: int) -> bool:
    """Whether a process runs; one that nobody has asked for its end does not."""
    try:
        return Path("/proc", str(process), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_each_section_leaves_time_to_those_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import gpu

    limits: dict[str, float] = {}
    monkeypatch.setattr(gpu, "measure_apart", lambda _, name, *rest: limits.update({name: rest[-1] - time.monotonic()}))
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--device", "cpu"])
    assert gpu.main() == 0
    assert list(limits) == ["labels", "loss", "inference", "agreement", "recipe", "training"]
    assert limits["inference"] == pytest.approx(360 - 40 - 75 - 75, abs=5)
    assert limits["training"] == pytest.approx(360, abs=5)
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--device", "cpu", "inference", "--minutes", "30"])
    assert gpu.main() == 0
    assert limits["inference"] == pytest.approx(1800, abs=5)


def test_a_promise_is_open_as_long_as_a_row_that_decides_was_not_measured(capsys: pytest.CaptureFixture[str]) -> None:
    from gpu_report import Promise, Report

    others, ours = {"max-autotune": "no time"}, {"compiled": "no time"}
    assert [Promise("s", "w", 3.0, 2.0).kept, Promise("s", "w", 1.0, 2.0).kept] == [True, False]
    # With more of the others it gets worse, with more of ours better.
    assert Promise("s", "w", 3.0, 2.0, missing=others).kept is None
    assert Promise("s", "w", 1.0, 2.0, missing=others).kept is False
    assert Promise("s", "w", 3.0, 2.0, untried=ours).kept is True
    assert Promise("s", "w", 1.0, 2.0, untried=ours).kept is None
    assert Promise("s", "w", 0.5, 0.6, at_most=True, missing=others).kept is None
    assert Promise("s", "w", None, 2.0).kept is None
    report = Report("CPU")
    report.add(Promise("s", "w", 3.0, 2.0, missing=others))
    assert not report.all_kept
    report.show()
    assert "open" in (shown := capsys.readouterr().out) and "without max-autotune: no time" in shown
    report.add(Promise("s", "w", 2.5, 2.0))
    assert [one.found for one in report.promises] == [2.5] and report.all_kept


class Networks:
    """Stand-ins of what inference and training are measured on; a compiler that fails for some of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, left: float, fails: tuple[str, ...] = ()) -> None:
        import gpu_inference
        import gpu_training
        from gpu_given import Given

        self.given = Given(torch.device("cpu"), False, 1, None, [], time.monotonic() + left)
        self.compiled: list[str] = []
        self.fails = fails
        for module in (gpu_inference, gpu_training):
            monkeypatch.setattr(module, "imitate_training", lambda *_: {})
        monkeypatch.setattr(Given, "case", lambda _, name: Case(name))
        monkeypatch.setattr(Given, "turns", lambda _, forms: {name: MILLISECONDS[name] for name in forms})
        monkeypatch.setattr(gpu_inference, "_engine", lambda *_: Engine())
        monkeypatch.setattr(gpu_inference, "_first", lambda *_: 1.0)
        monkeypatch.setattr(gpu_inference, "_form", self.form)
        monkeypatch.setattr(gpu_training, "Step", self.step)
        monkeypatch.setattr(torch.compiler, "reset", lambda: None)

    def form(self, subject: Any, row: str, *_: object) -> Any:
        return self._made(f"{subject.case.name} {subject.batch}", row)

    def step(self, case: Any, row: Any, *_: object) -> Any:
        return self._made(case.name, row.name)

    def _made(self, which: str, row: str) -> Any:
        self.compiled.append(f"{which}: {row}")
        if row in self.fails:
            raise RuntimeError("\nno kernel fits\nand a long story")
        return lambda: None


class Case(NamedTuple):
    name: str
    peers: tuple[str, ...] = ("transformers UperNet",)

    def ours(self, _: str) -> None:
        pass

    def picture(self, batch: int) -> torch.Tensor:
        return torch.zeros(batch, 3, 2, 2, dtype=torch.uint8)


class Engine:
    def describe(self) -> str:
        return "engine"


MILLISECONDS = {
    "sceneparse": 4.0,
    "sceneparse --engine compile": 2.0,
    "sceneparse, training.compile": 3.0,
    "plain": 9.0,
    "plain, torch.compile": 6.0,
    "plain, channels-last": 8.0,
    "plain, torch.compile max-autotune": 5.0,
    "plain, torch.compile reduce-overhead": 6.0,
    "torchvision FCN, torch.compile": 7.0,
    "transformers UperNet, torch.compile": 7.5,
}


def last_of(promises: Iterable[Any]) -> dict[str, Any]:
    return {one.what: one for one in promises}


def test_inference_measures_what_decides_first_and_the_better_of_ours_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    import gpu_inference

    networks = Networks(monkeypatch, left=1000.0)
    seen = list(gpu_inference.of_inference(networks.given))
    # Without a compiler all have figures before one is asked.
    assert all(row.endswith("channels-last") for row in networks.compiled[:4]) and len(seen[:4]) == 4
    assert [one.found for one in seen[:4]] == [2.0] * 4 and [one.kept for one in seen[:4]] == [None] * 4
    ranks = {row: place for place, row in enumerate(networks.compiled)}
    assert ranks["upernet50 1: plain, torch.compile max-autotune"] < ranks["pspnet50 1: torchvision FCN, torch.compile"]
    assert (
        ranks["upernet50 1: torchvision FCN, torch.compile"] < ranks["pspnet50 16: plain, torch.compile max-autotune"]
    )
    found = last_of(seen)["pspnet50, batch 1: times as fast as the fastest of the others"]
    assert found.found == 5 / 2 and found.kept is True and not found.missing and not found.untried
    assert found.rows["sceneparse"] == 4.0


def test_inference_keeps_what_it_has_and_says_why_rows_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import gpu_inference

    # Time for all but max-autotune, and a compiler that fails on what ours would be.
    networks = Networks(monkeypatch, left=50.0, fails=("sceneparse --engine compile",))
    found = last_of(gpu_inference.of_inference(networks.given))[
        "upernet50, batch 16: times as fast as the fastest of the others"
    ]
    assert found.found == 6 / 4 and found.kept is None
    assert list(found.missing) == ["plain, torch.compile max-autotune"]
    assert "s are left, and compiling takes 60 or more" in found.missing["plain, torch.compile max-autotune"]
    assert found.untried == {"sceneparse --engine compile": "no kernel fits"}


def test_a_compiler_that_fails_leaves_the_steps_that_need_none(monkeypatch: pytest.MonkeyPatch) -> None:
    import gpu_training

    networks = Networks(monkeypatch, left=1000.0, fails=("plain, torch.compile",))
    found = last_of(gpu_training.of_training(networks.given))
    assert networks.compiled[:4] == [
        "pspnet50: sceneparse",
        "pspnet50: plain",
        "upernet50: sceneparse",
        "upernet50: plain",
    ]
    # The better of ours.
    assert found["pspnet50: times as fast as plain"].found == 3.0 and found["pspnet50: times as fast as plain"].kept
    compiled = found["pspnet50: times as fast as plain, torch.compile"]
    assert compiled.found is None and compiled.kept is None
    assert compiled.missing == {"plain, torch.compile": "no kernel fits"}


def test_a_training_that_has_too_little_time_is_shorter_or_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gpu_training

    networks = Networks(monkeypatch, left=100.0)
    given = networks.given._replace(data=tmp_path, settings=["--backbone.weights=W"])
    asked: list[tuple[list[str], int, float]] = []

    def trained(words: list[str], iterations: int, limit: float) -> float:
        asked.append((words, iterations, limit))
        if len(asked) == 2:
            raise subprocess.TimeoutExpired("train", limit)
        return 190.0

    monkeypatch.setattr(gpu_training, "bare_pace", lambda *_: 200.0)
    monkeypatch.setattr(gpu_training, "trained_pace", trained)
    found = last_of(gpu_training.of_recipe(given))
    words, iterations, limit = asked[0]
    # What the older commit was measured on, and what is given after it.
    assert {"--augmentation.crop=[360,480]", "--network.channels=256", "--training.batch=16"} < set(words)
    assert words.index("--backbone.weights=W") > words.index("--network.channels=256")
    assert iterations == 300 and 45 < limit <= 50
    host = found["augmented on the host: of the bare step's pictures a second"]
    assert host.found == 0.95 and host.kept is True
    assert found["augmented on the host: times 634fde6's 160 pictures a second"].kept is False
    device = found["augmented on the device: of the bare step's pictures a second"]
    assert (
        device.found is None and "it did not end within" in device.missing["sceneparse train, augmented on the device"]
    )
    late = last_of(gpu_training.of_recipe(given._replace(until=time.monotonic() + 20)))
    assert (
        all(one.kept is None and "s are left for it" in str(one.missing) for one in late.values()) and len(asked) == 2
    )


def test_our_step_updates_as_a_training_does(monkeypatch: pytest.MonkeyPatch) -> None:
    import peer_training
    from peer_inference import Row
    from peer_networks import CASES

    monkeypatch.setattr(peer_training, "fuses", lambda *_, **__: True)
    monkeypatch.setattr(peer_training, "compiled", lambda network, *_: network)
    case = CASES["upernet50"].quick()._replace(side=32, backbone="resnet10t", channels=8)
    ours = peer_training.Step(case, Row("sceneparse, training.compile", "compile", "float32"), None, "cpu", 2)
    plain = peer_training.Step(case, Row("plain", "channels-last", "float32"), None, "cpu", 2)
    assert ours.optimizer.defaults["fused"] and not plain.optimizer.defaults["fused"]
    before = next(ours.network.parameters()).detach().clone()
    ours()
    assert not torch.equal(next(ours.network.parameters()), before)


def test_settings_may_stand_apart_from_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    from command_line import command_line, parsed_with_settings

    parser = command_line("x")
    parser.add_argument("section", nargs="*")
    words = ["labels", "loss", "--backbone.weights", "file.safetensors", "--training.batch=4"]
    monkeypatch.setattr(sys, "argv", ["gpu.py", *words])
    given, settings = parsed_with_settings(parser, {})
    assert given.section == ["labels", "loss"]
    assert settings == ["--backbone.weights=file.safetensors", "--training.batch=4"]
