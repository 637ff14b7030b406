"""What `sceneparse bench` says of tiny models."""

import io
import json
import pickle
import re
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from sceneparse.benching import Bench, ComponentRow, Row, bench, matrix_peak, measure, print_bench
from sceneparse.benching.breakdown import ComponentTimes
from sceneparse.benching.recipes import recipe_to_measure
from sceneparse.benching.subject import find_subject
from sceneparse.benching.summing_up import concluded
from sceneparse.benching.timing import Run
from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.inference import TorchEngine, choosing, export_model
from sceneparse.inference.choosing import ENGINES
from sceneparse.inference.program import ConversionError
from sceneparse.labels import LabelSpace
from sceneparse.networks.cost import multiply_adds
from sceneparse.settings import Recipe
from sceneparse.weights.build import build
from sceneparse.weights.model import Model, ModelConfig, load_model, save_model
from tests.support.unified import unified_model


def small(name: str, **network: Any) -> Recipe:
    """A recipe of the package with a network that takes no time."""
    recipe = recipe_to_measure(name)
    return replace(
        recipe,
        backbone=replace(recipe.backbone, name="resnet10t"),
        network=replace(recipe.network, channels=8, **network),
    )


EMPTY = Bench("net", "model", "pspnet", "resnet10t", 2, (64, 64), 2, 2, "a CPU", 1, {}, "exact")

QUICK: dict[str, Any] = {
    "size": (64, 64),
    "batch": 2,
    "repeats": 2,
    "precisions": ["float32"],
    "device": "cpu",
    "memory": False,
    "progress": False,
}


@pytest.fixture(autouse=True)
def _small_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix_peak, "CPU_SIDES", (256,))


@pytest.fixture(scope="module")
def pspnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model folder of a network whose heads have an exact and a plain form."""
    recipe = small("toy-pspnet", output_stride=16)
    labels = LabelSpace(("dark", "bright"))
    form = (recipe.backbone, recipe.network, recipe.preprocessing, recipe.protocol, recipe.data)
    model = Model(build(recipe.backbone, recipe.network, len(labels)).eval(), ModelConfig("small", *form), labels)
    folder = tmp_path_factory.mktemp("pspnet") / "model"
    save_model(folder, model, "a card")
    return folder


def test_the_record_of_a_model_folder_has_times_memory_shares_and_parts(
    pspnet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def peak(make: Callable[..., Run], small: tuple[Any, ...], full: tuple[Any, ...], device: str) -> float:
        # In this process: what `peak_alone` measures in one of its own is tested beside it.
        make, small, full = pickle.loads(pickle.dumps((make, small, full)))
        make(*small)()
        make(*full)()
        return 12.0 if device == "cpu" else 0.0

    monkeypatch.setattr(measure, "peak_alone", peak)
    record = tmp_path / "bench.json"
    words = ["--size", "64", "64", "--batch", "2", "--repeats", "2", "--engine", "torch", "--precision", "float32"]
    assert main(["bench", str(pspnet), *words, "--device", "cpu", "--json", str(record)]) == 0
    found = json.loads(record.read_text())
    assert (found["kind"], found["architecture"], found["classes"], found["size"]) == ("model", "pspnet", 2, [64, 64])
    (row,) = found["rows"]
    assert (row["engine"], row["precision"], row["note"]) == ("torch", "float32", "")
    assert 0 < row["ms_low"] <= row["ms"] <= row["ms_high"]
    assert row["pictures_per_second"] >= 999 / row["ms"] and row["best_batch"] in (1, 2)
    assert row["ready_s"] > 0 and row["peak_mib"] == 12.0 and row["share_of_peak"] > 0
    assert row["share_of_peak"] == pytest.approx(
        found["multiply_adds"]["exact"] * row["pictures_per_second"] / found["matrix_peak"]["float32"], rel=0.05
    )
    assert [(part["heads"], part["precision"]) for part in found["parts"]] == [
        ("exact", "float32"),
        ("plain", "float32"),
    ]
    for part in found["parts"]:
        assert set(part["ms"]) == set(part["share"]) == {"picture", "backbone", "head", "labels"}
        assert sum(part["share"].values()) == pytest.approx(1, abs=1e-3)
    assert found["fastest"] == "torch, float32"
    assert 0 <= found["boundary_cells"] <= 1
    assert found["conclusion"].startswith("fastest here: torch, float32 (") and found["quick"] is False
    printed = capsys.readouterr().out
    first, looks, further, *tables = printed.splitlines()
    assert "a 64×64 picture to its labels on" in first
    assert re.match(r"torch +float32 +\S+ ms a picture, ready in \S+ s", looks)
    assert further == "now 2 rounds of all in turns, a few seconds"
    printed = "\n".join(tables)
    assert "where the time goes" in printed and "auto takes" in printed and "multiply-adds" in printed


def test_quick_ends_with_a_first_look_at_the_engines_that_are_soon_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[str] = []

    def counting(name: str) -> Callable[..., Any]:
        def make(*given: Any, **options: Any) -> Any:
            made.append(name)
            return TorchEngine(*given, **options)

        return make

    for name in ENGINES:
        monkeypatch.setitem(ENGINES, name, counting(name))
    monkeypatch.setattr(choosing, "find_spec", lambda _: None)
    monkeypatch.setattr(measure, "seconds_to_convert", lambda _: 0.0)
    quick = {**QUICK, "repeats": 10, "memory": True, "progress": True, "quick": True}
    result = bench(small("toy-pspnet", output_stride=16), json=tmp_path / "bench.json", **quick)
    assert made == ["torch", "openvino", "onnxruntime"], "to compile takes minutes"
    assert [row.engine for row in result.rows] == list(ENGINES)
    assert [row.note for row in result.rows] == ["", "left out by quick=True: ready in about 3 minutes", "", ""]
    assert result.quick and result.components == [] and result.matrix_peak == {} and result.rows[0].peak_mib is None
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:5]] == [*made, "compile"]
    assert lines[5].startswith("auto takes torch")
    assert result.conclusion in " ".join(" ".join(lines[6:]).split())
    assert max(map(len, lines[1:])) <= 160 and json.loads((tmp_path / "bench.json").read_text())["quick"]
    made.clear()
    monkeypatch.setattr(measure, "seconds_to_convert", lambda _: 31.0)
    bench(small("toy-pspnet", output_stride=16), **{**quick, "progress": False})
    assert made == ["torch"], "there is always one"
    bench(small("toy-pspnet", output_stride=16), engines=["compile"], **{**quick, "progress": False})
    assert made == ["torch", "compile"], "what was asked for alone is measured"


def test_what_was_measured_of_a_model_is_kept_for_auto(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(TorchEngine):
        def __call__(self, images: torch.Tensor) -> torch.Tensor:
            time.sleep(0.1)
            return super().__call__(images)

    monkeypatch.setenv("SCENEPARSE_CACHE", str(tmp_path))
    monkeypatch.setattr(choosing, "find_spec", lambda _: object())
    monkeypatch.setattr(measure, "choose_precision", lambda _: "float32")
    monkeypatch.setitem(ENGINES, "openvino", Slow)
    both = {**QUICK, "engines": ["torch", "openvino"], "batch": 1}
    quick = bench(tiny_run / "model", **both, quick=True)
    assert quick.auto_engine == "openvino" and "times as fast as what auto takes" in quick.conclusion
    result = bench(tiny_run / "model", **both)
    assert result.auto_engine == "torch" and result.auto_why.startswith("measured here by bench on ")
    assert result.conclusion.endswith("which auto takes")
    assert bench(tiny_run / "model", **both, quick=True).auto_engine == "torch"


def test_the_tables_fit_into_eighty_columns() -> None:
    result = bench(small("toy-pspnet", output_stride=16), engines=["torch"], **QUICK)
    slow: dict[str, Any] = {
        "ms": 12345.6,
        "ms_low": 12001.2,
        "ms_high": 13999.9,
        "pictures_per_second": 0.081,
        "best_batch": 16,
    }
    row = Row("onnxruntime", "bfloat16", **slow, ready_s=123.4, peak_mib=12345.0, share_of_peak=1.01)
    times = ComponentTimes(1234.5, 12345.6, 12345.6, 1234.5)._asdict()
    part = ComponentRow("exact", "bfloat16", times, dict.fromkeys(times, 0.25))
    result = replace(result, rows=[row], components=[part])
    file = io.StringIO()
    print_bench(result, Console(file=file, width=80))
    (shown,) = [line for line in file.getvalue().splitlines() if "onnxruntime" in line]
    assert "12,346 (12,001–14,000)" in shown and shown.rstrip().endswith("101%")
    assert "1234.5 (25%)" in file.getvalue() and max(map(len, file.getvalue().splitlines())) <= 80


@pytest.mark.parametrize(
    ("rows", "auto", "conclusion"),
    [
        ({("torch", "float32"): None}, "torch", "nothing could be measured"),
        (
            {("torch", "float32"): 20.0},
            "torch",
            "fastest here: torch, float32 (20.0 ms a picture), which auto takes",
        ),
        (
            {("torch", "float32"): 20.0, ("openvino", "float32"): 50.0},
            "openvino",
            "fastest here: torch, float32 (20.0 ms a picture), 2.5 times as fast as what auto takes, openvino, float32 "
            "(50.0 ms): engine='torch' precision='float32'",
        ),
        (
            {("torch", "float32"): 20.0, ("openvino", "float32"): 20.5, ("openvino", "bfloat16"): 99.0},
            "openvino",
            "fastest here: torch, float32 (20.0 ms a picture); auto takes openvino, float32, as fast (20.5 ms)",
        ),
        (
            {("torch", "float32"): 20.0},
            "openvino",
            "fastest here: torch, float32 (20.0 ms a picture); auto takes openvino in float32, which was not measured",
        ),
        (
            {("torch", "bfloat16"): 20.0, ("openvino", "bfloat16"): 50.0},
            "openvino",
            "fastest here: torch, bfloat16 (20.0 ms a picture); auto takes openvino in float32, which was not measured",
        ),
    ],
)
def test_the_conclusion_is_drawn_from_the_rows_alone(
    rows: dict[tuple[str, str], float | None], auto: str, conclusion: str
) -> None:
    found = [Row(engine, precision, ms=ms) for (engine, precision), ms in rows.items()]
    result = replace(EMPTY, rows=found, auto_engine=auto)
    assert concluded(result, "float32")[1] == conclusion


def test_of_a_unified_network_the_objects_alone_are_told_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = unified_model()
    save_model(tmp_path, model, "a card")
    whole = multiply_adds(model.network, 3, (64, 64))
    assert find_subject(tmp_path).multiply_adds("exact", (64, 64)) < 0.9 * whole
    bench(small("toy-unified"), engines=["torch"], **{**QUICK, "progress": True})
    assert "to the labels of its objects on" in " ".join(capsys.readouterr().out.split())


def test_multiply_adds_of_exact_heads_are_fewer_and_of_an_fcn_the_same() -> None:
    pspnet = find_subject(recipe_to_measure("toy-pspnet", network={"channels": 512}))
    assert pspnet.multiply_adds("exact", (473, 473)) < 0.95 * pspnet.multiply_adds("plain", (473, 473))
    fcn = find_subject("toy-fcn")
    assert fcn.multiply_adds("exact", (97, 97)) == fcn.multiply_adds("plain", (97, 97))
    result = bench(small("toy-fcn", output_stride=16), engines=["torch"], **QUICK)
    assert [row.heads for row in result.components] == ["same"]


def test_plain_and_exact_networks_of_a_model_have_its_weights(pspnet: Path) -> None:
    subject = find_subject(pspnet)
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        logits = [subject.network(form)(image).logits for form in (None, "exact", "plain")]
    torch.testing.assert_close(logits[1], logits[0])
    torch.testing.assert_close(logits[2], logits[0])


def test_a_missing_engine_and_a_failing_one_say_why_and_stop_nothing(
    without: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no compiler\nin sight")

    without("openvino")
    monkeypatch.setitem(ENGINES, "compile", broken)
    result = bench(small("toy-pspnet", output_stride=16), engines=["openvino", "compile", "torch"], **QUICK)
    missing, failing, working = result.rows
    assert "pip install 'sceneparse[openvino]'" in missing.note and missing.ms is None
    assert failing.note == "failed: no compiler" and failing.ms is failing.ready_s is None
    assert working.ms is not None and working.note == ""
    none = bench(small("toy-pspnet", output_stride=16), engines=["compile"], **QUICK)
    assert none.rows[0].note and none.fastest == "" and none.matrix_peak == {}


def test_auto_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(*_: object, **__: object) -> None:
        raise ConversionError("OpenVINO cannot export this network")

    monkeypatch.setattr(choosing, "find_spec", lambda _: None)
    result = bench(small("toy-pspnet", output_stride=16), engines=["torch"], **QUICK)
    assert result.auto_engine == "torch" and "pip install 'sceneparse[openvino]'" in result.auto_why
    monkeypatch.setattr(choosing, "find_spec", lambda _: object())
    result = bench(small("toy-pspnet", output_stride=16), engines=["torch"], **QUICK)
    assert result.auto_engine == "openvino" and "OpenVINO is installed" in result.auto_why
    monkeypatch.setitem(ENGINES, "openvino", refusing)
    result = bench(small("toy-pspnet", output_stride=16), engines=["openvino"], **QUICK)
    assert (result.auto_engine, result.auto_why) == ("torch", "OpenVINO cannot export this network")


@pytest.mark.skipif(not find_spec("openvino"), reason="OpenVINO is not installed")
def test_an_exported_file_is_measured_in_its_own_engine(tiny_run: Path, tmp_path: Path) -> None:
    file = export_model(load_model(tiny_run / "model"), tmp_path / "tiny.xml", "openvino")
    result = bench(file, **QUICK)
    assert [row.engine for row in result.rows] == ["openvino"] and result.rows[0].ms is not None
    assert result.kind == "file" and result.components == [] and result.auto_engine == "openvino"
    other = bench(file, engines=["torch"], **QUICK)
    assert "a file for engine openvino" in other.rows[0].note


def test_a_recipe_needs_no_data_and_takes_the_data_sets_classes() -> None:
    assert find_subject("pspnet-mobilenetv2").classes == 150
    assert find_subject("camvid-pspnet-mobilenetv2").classes == 11


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("no-such-thing", {}, "recipes in the package: .*toy-pspnet"),
        (3, {}, "source is 3, but must be a model folder"),
        ("toy-pspnet", {"name": 3}, "name is 3, but must be a name or None"),
        ("toy-pspnet", {"repeats": 0}, "repeats is 0, but must be a whole number of at least 1"),
        ("toy-pspnet", {"repeats": "3"}, "repeats is '3', but must be a whole number"),
        ("toy-pspnet", {"batch": 1.5}, "batch is 1.5, but must be a whole number"),
        ("toy-pspnet", {"size": (8, 8)}, r"size=\(8, 8\) is too small: .* at least 33"),
        ("toy-pspnet", {"size": 64}, "size is 64, but must be a height and a width"),
        ("toy-pspnet", {"engines": ["tensorrt"]}, "engines is 'tensorrt', but must be one of torch, compile"),
        ("toy-pspnet", {"engines": "torch"}, r"engines is 'torch', but must be a list of names, such as \['torch'\]"),
        ("toy-pspnet", {"engines": ["torch", "torch"]}, "engines names torch twice"),
        ("toy-pspnet", {"precisions": "float32"}, "precisions is 'float32', but must be a list of names"),
        ("toy-pspnet", {"precisions": ["float8"]}, "precisions is 'float8', but must be one of float32, tf32"),
        ("toy-pspnet", {"device": 3}, "device is 3, but must be one of auto, cpu"),
        ("toy-pspnet", {"quick": "yes"}, "quick is 'yes', but must be True or False"),
        ("toy-pspnet", {"json": 3}, "json is 3, but must be a file or None"),
    ],
)
def test_mistakes_are_told_in_a_line(source: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        bench(source, **{**QUICK, **options})


def test_a_record_that_cannot_be_written_is_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measure.Measuring, "all", lambda *_: pytest.fail("it was measured"))
    (tmp_path / "a.txt").touch()
    for file, message in ((tmp_path, "is a folder"), (tmp_path / "a.txt" / "b.json", "cannot be written (")):
        assert main(["bench", "toy-fcn", "--json", str(file)]) == 2
        assert f"error: {file}: {message}" in capsys.readouterr().err


def test_the_tables_are_shown_before_the_record_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise UserError("no room")

    monkeypatch.setattr(measure.Measuring, "all", lambda *_: None)
    monkeypatch.setattr("sceneparse.benching.command.write_json", full)
    with pytest.raises(UserError, match="no room"):
        bench("toy-fcn", **{**QUICK, "progress": True}, json=tmp_path / "bench.json")
    assert "multiply-adds: " in capsys.readouterr().out


def test_a_quantised_file_is_measured_in_one_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = replace(find_subject("toy-fcn"), source="net.xml", quantized=True)
    monkeypatch.setattr("sceneparse.benching.command.find_subject", lambda *_: subject)
    with pytest.raises(UserError, match=r"net\.xml is quantised and computes in int8, .*: give precisions one value"):
        bench("net.xml", **{**QUICK, "precisions": ["float32", "bfloat16"]})


def test_settings_are_for_recipes_alone(tiny_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(tiny_run / "model"), "--network.channels=8"]) == 2
    assert "settings are for recipes" in capsys.readouterr().err
    assert main(["bench", "toy-pspnet", "--network.chanels=8"]) == 2
    assert "did you mean '--network.channels'" in capsys.readouterr().err
