"""The comparison with recorded outputs: every output of a case that follows the form is compared."""

import importlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.support import csail_training, unified_training
from tests.support.recording import Recorder
from tests.support.slow import slow


@pytest.fixture
def parity(shared: Path) -> Path:
    """The folder of the published cases."""
    return shared / "parity"


@pytest.fixture
def recorder(parity: Path, tmp_path: Path) -> Iterator[Recorder]:
    """Writes cases of our own; they are large, so they go when the test is over."""
    fill = importlib.import_module("parity").load_module(parity, "fill")
    yield Recorder(parity, tmp_path / "cases", fill)
    shutil.rmtree(tmp_path / "cases")


def rows_of(case: Path) -> list[Any]:
    """What the program says of a case, by its outputs."""
    import parity

    return list(parity.compare(case, *(parity.load_module(case.parent, name) for name in ("fill", "golden"))))


def agree(case: Path) -> None:
    """Every recorded output is compared, in both precisions, and within its limit."""
    rows = rows_of(case)
    assert [(row.output, row.error, row.note) for row in rows if not row.ok] == []
    expected = set(load_file(case / "outputs.safetensors"))
    expected |= {f"{name} (float64)" for name in load_file(case / "outputs64.safetensors")}
    assert {row.output for row in rows} == expected


@pytest.mark.parametrize(
    ("encoder", "decoder", "separator"),
    [
        pytest.param("resnet18dilated", "ppm_deepsup", ":", marks=slow),
        ("mobilenetv2dilated", "c1_deepsup", ""),
        ("resnet18", "upernet_lite", "."),
    ],
)
def test_a_step_of_csails_training_agrees_with_its_gradients_and_statistics(
    recorder: Recorder, encoder: str, decoder: str, separator: str
) -> None:
    agree(csail_training.record(recorder, encoder, decoder, separator))


@pytest.mark.parametrize("source", [0, 1])
def test_a_step_of_the_unified_training_agrees_without_facts_beside_the_labels(recorder: Recorder, source: int) -> None:
    case = unified_training.record(recorder, source, by_half=source == 0)
    assert "extra" not in json.loads((case / "manifest.json").read_text())
    agree(case)


def test_outputs_that_are_wrong_or_have_no_rule_are_misses(parity: Path, tmp_path: Path) -> None:
    case = tmp_path / "prroi_pool"
    shutil.copytree(parity / "prroi_pool", case)
    for name in ("fill.py", "golden.py"):
        shutil.copy(parity / name, tmp_path / name)
    outputs = load_file(case / "outputs.safetensors")
    outputs["a_2"] = outputs["a_2"] + 1
    save_file(outputs, case / "outputs.safetensors")
    assert [row.output for row in rows_of(case) if not row.ok] == ["a_2"]


def test_a_float64_output_that_is_not_given_is_a_miss(parity: Path, tmp_path: Path) -> None:
    case = tmp_path / "seed000_pspnet_mobilenetv2_ds8"
    shutil.copytree(parity / case.name, case)
    for name in ("fill.py", "golden.py"):
        shutil.copy(parity / name, tmp_path / name)
    outputs = load_file(case / "outputs.safetensors")
    save_file({"unheard:of": np.zeros(3)}, case / "outputs64.safetensors")
    rows = rows_of(case)
    assert {row.output for row in rows if row.ok} == set(outputs)
    assert [(row.output, row.note) for row in rows if not row.ok] == [
        ("unheard:of (float64)", "no rule for this output")
    ]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("grad:layer0.0.weight", ("grad", "layer0.0.weight")),
        ("grad:module.cls.4.bias", ("grad", "cls.4.bias")),
        ("after:encoder:bn1.running_mean", ("after", "encoder.bn1.running_mean")),
        ("grad:enc/conv1.weight", ("grad", "encoder.conv1.weight")),
        ("grad_decoder:conv_last.weight", ("grad", "decoder.conv_last.weight")),
        ("encoder:after:bn1.running_var", ("after", "encoder.bn1.running_var")),
        ("grad:decode_head.conv_seg.bias", ("grad", "decode_head.conv_seg.bias")),
        ("grad_norm", None),
        ("grad_norm:encoder", None),
        ("loss", None),
    ],
)
def test_an_outputs_name_says_which_parameter_or_buffer_it_is_of(name: str, meant: tuple[str, str] | None) -> None:
    from parity_meaning import state_entry

    assert state_entry(name) == meant
