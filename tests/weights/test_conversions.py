"""What is known of conversions for OpenVINO before PyTorch is loaded."""

import os
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from sceneparse.cli.beforehand import announce_conversions
from sceneparse.files import cache_folder
from sceneparse.settings import Temperatures
from sceneparse.weights import conversions, measured
from sceneparse.weights.calibrated import keep_temperatures
from sceneparse.weights.conversions import (
    fingerprint_of,
    is_still_to_convert,
    kept_file,
    note_time,
    seconds_to_convert,
    time_to_convert,
    untempered_fingerprint,
)


@pytest.fixture(autouse=True)
def _openvino(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO as if it were installed, no GPU, and an empty cache."""
    monkeypatch.setattr(conversions, "find_spec", lambda _: object())
    monkeypatch.setattr(conversions, "version", lambda _: "1.0")
    monkeypatch.setattr(conversions, "_may_have_gpu", lambda: False)
    monkeypatch.setattr(conversions, "ANNOUNCED", set())
    monkeypatch.setattr(conversions, "crowding", lambda: 1.0)
    monkeypatch.setenv("SCENEPARSE_CACHE", str(tmp_path / "cache"))


def given(**options: Any) -> dict[str, Any]:
    return {"engine": "auto", "device": "auto", "precision": "auto"} | options


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, True),
        ({"engine": "openvino"}, True),
        ({"device": "cpu", "precision": "bfloat16"}, True),
        ({"engine": "torch"}, False),
        ({"precision": "tf32"}, False),
        ({"device": "cuda"}, False),
    ],
)
def test_a_first_use_is_foreseen_where_it_is_certain(options: dict[str, Any], expected: bool, saved: Path) -> None:
    assert is_still_to_convert(saved, **given(**options)) is expected


def test_with_a_gpu_or_without_openvino_nothing_is_foreseen(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversions, "_may_have_gpu", lambda: True)
    assert not is_still_to_convert(saved, **given())
    assert is_still_to_convert(saved, **given(device="cpu"))
    monkeypatch.setattr(conversions, "find_spec", lambda _: None)
    assert not is_still_to_convert(saved, **given(device="cpu"))


@pytest.mark.parametrize("name", ["model.xml", "refused.txt"])
def test_a_first_use_is_announced_once_with_its_time(
    name: str, saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = Namespace(**given())
    announce_conversions([str(saved), "user/name"], arguments)
    line = f"{saved}: its first use with OpenVINO here, for which it is converted once, up to 25 seconds\n"
    assert capsys.readouterr() == ("", line)
    kept = kept_file(fingerprint_of(saved)).with_name(name)
    kept.parent.mkdir(parents=True)
    kept.write_text("")
    announce_conversions([str(saved)], arguments)
    assert capsys.readouterr() == ("", "")


def test_a_run_folders_first_use_is_announced_as_its_models(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = saved.parent
    (run / "recipe.yaml").write_text("")
    (run / "checkpoints").mkdir()
    for source in (run, run / "checkpoints"):
        announce_conversions([str(source)], Namespace(**given()))
        assert capsys.readouterr().err.startswith(f"{source}: its first use with OpenVINO here")
    assert untempered_fingerprint(saved) in conversions.ANNOUNCED
    (saved / "labels.json").unlink()
    announce_conversions([str(run)], Namespace(**given()))
    assert capsys.readouterr().err == "", "it has no model yet"


def test_what_was_measured_decides_and_holds_for_that_model_machine_and_versions_alone(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured, "version", lambda _: "1.0")
    monkeypatch.setattr(measured, "find_spec", lambda _: object())
    one = fingerprint_of(saved)
    assert measured.recall(one, "float32") is None
    measured.remember(one, "float32", {"torch": 10.0}, (64, 96))
    assert measured.recall(one, "float32") is None, "one engine alone says nothing"
    measured.remember(one, "float32", {"torch": 10.0, "openvino": 10.4, "compile": 1.0}, (64, 96))
    found = measured.recall(one, "float32")
    assert found is not None and found.engine == "openvino", "alike"
    assert is_still_to_convert(saved, **given())
    measured.remember(one, "float32", {"torch": 10.0, "openvino": 12.34}, (64, 96))
    found = measured.recall(one, "float32")
    assert found is not None and found.engine == "torch"
    assert found.describe().endswith(": openvino 12.3 ms, torch 10 ms for a picture of 96×64")
    assert not is_still_to_convert(saved, **given())
    assert is_still_to_convert(saved, **given(engine="openvino"))
    assert is_still_to_convert(saved, **given(precision="bfloat16"))
    assert measured.recall("another model", "float32") is None
    for name, other in (("version", lambda _: "1.1"), ("machine", lambda: "another"), ("__version__", "0")):
        with monkeypatch.context() as patch:
            patch.setattr(measured, name, other)
            assert measured.recall(one, "float32") is None
    (file,) = (cache_folder() / "measured").iterdir()
    file.write_text("{")
    assert measured.recall(one, "float32") is None


def test_a_machine_that_took_longer_is_expected_to_do_so_again(saved: Path) -> None:
    assert time_to_convert(saved) == "up to 25 seconds"
    note_time(saved, 62.0)
    assert time_to_convert(saved) == "35 seconds to 2 minutes"
    assert seconds_to_convert((saved / "model.safetensors").stat().st_size / 2**20) == pytest.approx(62.0, rel=0.01)


def test_a_machine_that_computes_for_others_may_take_longer(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversions, "crowding", lambda: 3.0)
    assert time_to_convert(saved) == "up to 1 minute"
    monkeypatch.undo()
    for load, times in ((0.0, 1.0), (3.0, 2.0), (7.0, 4.0)):
        with monkeypatch.context() as patch:
            patch.setattr(os, "getloadavg", lambda load=load: (load, 0.0, 0.0), raising=False)
            patch.setattr(os, "cpu_count", lambda: 2)
            assert conversions.crowding() == times


def test_the_range_is_that_of_the_last_conversions(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds in (600.0, 20.0, *[30.0] * 7, 40.0):  # of which the first is forgotten
        note_time(saved, seconds)
    assert time_to_convert(saved) == "15 to 50 seconds"
    for _ in range(9):
        note_time(saved, 60.0)
    assert time_to_convert(saved) == "50 seconds to 1 minute"
    with monkeypatch.context() as patch:
        patch.setattr(conversions, "machine", lambda: "another")
        assert time_to_convert(saved) == "up to 25 seconds", "whose cache this is as well"
    (file,) = (cache_folder() / "measured").glob("conversions-*.txt")
    file.write_text("?\n")
    assert time_to_convert(saved) == "up to 25 seconds"


def test_a_model_that_changed_is_another_one(saved: Path) -> None:
    before = fingerprint_of(saved)
    weights = saved / "model.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    assert fingerprint_of(saved) != before


def test_temperatures_ask_for_no_other_conversion(saved: Path) -> None:
    before = fingerprint_of(saved)
    assert untempered_fingerprint(saved) == before
    keep_temperatures(saved, Temperatures(object=1.5))
    assert fingerprint_of(saved) != before == untempered_fingerprint(saved)
    keep_temperatures(saved, Temperatures())
    assert fingerprint_of(saved) == before
