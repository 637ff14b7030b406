"""The promises on a GPU: a section that fails costs none of what the others find."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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
    monkeypatch.setattr(gpu, "IN_TURNS", {})
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
    monkeypatch.setattr(gpu, "BEGAN", time.monotonic())
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


def test_our_step_as_a_graph_takes_the_steps_that_it_takes_without(monkeypatch: pytest.MonkeyPatch) -> None:
    import peer_training
    from peer_inference import Row
    from peer_networks import CASES
    from sceneparse.networks.exact import reading
    from sceneparse.training.graphed import Recording

    replayed: list[str] = []

    def record(device: torch.device, compute: Callable[[], torch.Tensor]) -> Recording:
        found = compute()
        return Recording(lambda: replayed.append(device.type), found, None)

    monkeypatch.setattr(reading, "FREE", frozenset())  # nothing is read back, as on a GPU
    monkeypatch.setattr(peer_training, "record_on_cuda", record)
    case = CASES["upernet50"].quick()._replace(side=32, backbone="resnet10t", channels=8)
    state = case.ours("exact").state_dict()
    steps = [
        peer_training.Step(case, Row(f"sceneparse, {engine}", engine, "float32"), state, "cpu", 2)
        for engine in ("channels-last", "graph")
    ]
    for step in steps:
        for _ in range(3):  # the third one records
            torch.manual_seed(0)
            step()
    assert replayed == ["cpu"]
    for one, other in zip(*(step.network.parameters() for step in steps), strict=True):
        torch.testing.assert_close(one, other)


def test_our_steps_convolutions_are_measured_as_in_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    import peer_training
    from peer_inference import Row
    from peer_networks import CASES

    case = CASES["upernet50"].quick()._replace(side=32, backbone="resnet10t", channels=8)
    step = peer_training.Step(case, Row("sceneparse", "channels-last", "float32"), None, "cpu", 2)
    seen: list[bool] = []
    computed = step.gradients

    def gradients(*given: Any) -> torch.Tensor:
        seen.append(torch.backends.cudnn.benchmark)
        return computed(*given)

    monkeypatch.setattr(step, "gradients", gradients)
    step()
    monkeypatch.setattr(step, "measured", True)  # as on a GPU
    step()
    assert seen == [False, True]


def test_what_would_come_to_nothing_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import gpu
    import gpu_needs

    monkeypatch.setattr(gpu, "device_of", lambda _, named: torch.device(named))
    monkeypatch.setattr(gpu, "device_name", str)
    monkeypatch.setattr(gpu, "measure_all", lambda *_: pytest.fail("it was begun"))
    monkeypatch.setattr(gpu_needs, "find_spec", lambda name: None if name == "triton" else name)
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.delenv("CC", raising=False)
    (tmp_path / "train").mkdir()
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--data", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        gpu.main()
    said = capsys.readouterr().err.splitlines()[-1]
    assert ended.value.code == 2 and "triton is not installed (the kernels); there is no C compiler" in said
    assert f"--data: {tmp_path}" in said
    monkeypatch.setenv("CC", "icx")
    monkeypatch.setattr(gpu_needs, "find_spec", lambda name: name)
    begun: list[list[str]] = []
    monkeypatch.setattr(gpu, "measure_all", lambda sections, *_: begun.append(sections))
    monkeypatch.setattr(sys, "argv", ["gpu.py", "labels", "--data", str(tmp_path)])
    assert gpu.main() == 0 and begun == [["labels"]]


def test_settings_may_stand_apart_from_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    from command_line import command_line, parsed_with_settings

    parser = command_line("x")
    parser.add_argument("section", nargs="*")
    words = ["labels", "loss", "--backbone.weights", "file.safetensors", "--training.batch=4"]
    monkeypatch.setattr(sys, "argv", ["gpu.py", *words])
    given, settings = parsed_with_settings(parser, {})
    assert given.section == ["labels", "loss"]
    assert settings == ["--backbone.weights=file.safetensors", "--training.batch=4"]


def test_a_device_that_is_not_there_is_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import gpu

    monkeypatch.setattr(sys, "argv", ["gpu.py", "--device", "cuda:999", "labels"])
    with pytest.raises(SystemExit) as ended:
        gpu.main()
    assert ended.value.code == 2
    assert "error: device 'cuda:999' is not there" in capsys.readouterr().err
