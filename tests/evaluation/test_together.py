"""Processes that share the pictures find what one process finds, to the last bit."""

import json
from pathlib import Path
from typing import Any

import torch

from sceneparse.evaluation import evaluate_model
from sceneparse.processes import ALONE
from tests.support.together import in_two_processes, sceneparse_command, sceneparse_in_two

SHARED = """
import sys
import torch
from sceneparse.toyworld import ToyWorld
from sceneparse.evaluation import evaluate
from sceneparse.inference import TorchEngine, resolve
from sceneparse.processes import join
from sceneparse.settings import BackboneSettings, PreprocessingSettings, ProtocolSettings
from sceneparse.weights.build import build
from sceneparse.weights.tasks import with_task_sizes
from tests.support.unified import NETWORK


def found(processes):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    settings = with_task_sizes(NETWORK, ToyWorld.tasks, "it")
    network = build(BackboneSettings("resnet10t"), settings, len(ToyWorld.labels)).eval()
    engine = TorchEngine(network, PreprocessingSettings(), device="cpu", precision="float32")
    dataset, protocol = ToyWorld(64, 9, "val"), resolve(ProtocolSettings())
    found = evaluate(engine, dataset, protocol, tasks=ToyWorld.tasks, count=5, processes=processes)
    rows = [[one.index, one.name, one.mean_iou, one.pixel_accuracy] for one in found.pictures]
    return {"confusion": found.counts, "rows": rows, "tasks": found.tasks_to_json(), **found.task_counts}


if __name__ == "__main__":
    processes = join("cpu")
    torch.save(found(processes), f"{sys.argv[1]}/{processes.rank}.pt")
"""


def test_counts_of_every_task_and_the_score_of_every_picture_are_one_process_s(tmp_path: Path) -> None:
    (tmp_path / "shared.py").write_text(SHARED)
    namespace: dict[str, Any] = {"__name__": "shared"}
    exec(SHARED, namespace)
    alone = namespace["found"](ALONE)
    in_two_processes(tmp_path / "shared.py", tmp_path)
    assert len(alone["rows"]) == 5 and set(alone) > {"scene", "part", "material", "texture", "texture_pictures"}
    for rank in (0, 1):
        shared = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert shared.keys() == alone.keys()
        for name, value in alone.items():
            assert torch.equal(shared[name], value) if isinstance(value, torch.Tensor) else shared[name] == value, name


def test_evaluate_in_two_processes_writes_the_same_metrics_once(tiny_run: Path, tmp_path: Path) -> None:
    data = tiny_run.parent / "data"
    words = ["--engine", "torch", "--precision", "float32", "--device", "cpu"]
    done = sceneparse_in_two("evaluate", tiny_run / "model", "--data", data, "--out", tmp_path / "two", *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("metrics:") == 1 and "2 processes" in (tmp_path / "two" / "report.html").read_text()
    evaluate_model(
        tiny_run / "model", data=str(data), out=tmp_path / "one", engine="torch", device="cpu", precision="float32"
    )
    one, two = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("one", "two"))
    for metrics in (one, two):
        assert metrics.pop("seconds") > 0 and metrics.pop("pictures_per_second") > 0
    assert one == two


def test_a_mistake_is_told_once(tiny_run: Path) -> None:
    words = ["--engine", "torch", "--devices", 2]  # OpenVINO would take its time before the data are looked for
    done = sceneparse_command("evaluate", tiny_run / "model", "--data", "nowhere", *words)
    assert done.returncode == 2 and done.stderr.count("error") == 1 and "nowhere" in done.stderr
