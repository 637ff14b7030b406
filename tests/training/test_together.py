"""Several processes take the steps of one: the same losses and weights, whatever is learnt."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sceneparse.cli import main
from sceneparse.data.sampling import Share, draws
from sceneparse.datasets.opening import open_dataset
from sceneparse.errors import UserError
from sceneparse.files import write_text
from sceneparse.processes import ALONE, LOST, Processes
from sceneparse.processes.launch import SUPERVISED
from sceneparse.recipes import from_mapping, to_yaml
from sceneparse.settings import Recipe
from sceneparse.training.checkpoint import Checkpoint, Checkpoints
from sceneparse.training.loop import train
from sceneparse.training.record import TIME_FIELDS
from sceneparse.training.start import refuse_different_folders, start_fabric
from tests.support.slow import slow
from tests.support.together import environment, sceneparse_command, sceneparse_in_two, torchrun, two_processes

MakeRecipe = Callable[..., Recipe]

PRECISE = """
import copy
import sys

from lightning_fabric.plugins.precision.double import DoublePrecision
from sceneparse.cli import main
from sceneparse.training import fabric, keep, start


def precise(change):
    # Nothing but rounding distinguishes two processes from one; in float64 that is next to nothing.
    for module in (fabric, start):
        change(module, "FABRIC_PRECISION", {"float32": "64-true"})
    change(DoublePrecision, "convert_output", lambda _, output: output)
    validate = keep.validate

    def in_float32(network, *rest, **named):
        return validate(copy.deepcopy(network).float(), *rest, **named)

    change(keep, "validate", in_float32)
"""


def lines(run: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in TIME_FIELDS} for line in found]


def last(run: Path) -> Checkpoint:
    checkpoint = Checkpoints(run / "checkpoints").load(lambda text: pytest.fail(text))
    assert checkpoint is not None
    return checkpoint


def written(recipe: Recipe, folder: Path) -> Path:
    write_text(folder / "asked.yaml", to_yaml(recipe))
    return folder / "asked.yaml"


def hard(toy: MakeRecipe, **changes: object) -> Recipe:
    """All that could depend on who has which picture: mining, class weights, dropout, parts, clipping, averages."""
    settings: dict[str, object] = {
        "network__architecture": "pspnet",
        "network__output_stride": 16,
        "network__dropout": 0.2,
        "augmentation__crop": [48, 48],
        "loss__hard_fraction": 0.4,
        "loss__class_weights": [1.0, 2.0, 3.0],
        "loss__class_weights_end": 0.0,
        "optimizer__clip": 1.0,
        "training__accumulate": 2,
        "training__average": {"decay": 0.9},
        "training__iterations": 3,
        "training__validate_every": 3,
        "training__validate_count": 3,
        "training__checkpoint_every": 3,
    }
    return toy(**(settings | changes))


def agree(one: Checkpoint, other: Checkpoint, **tolerance: Any) -> None:
    assert one.iteration == other.iteration
    for name, value in one.network.items():
        torch.testing.assert_close(other.network[name], value, **tolerance)
    assert one.average is not None and other.average is not None
    for name, value in one.average.items():
        torch.testing.assert_close(other.average[name], value, **tolerance)


def test_two_processes_take_the_steps_of_one(toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "precise.py").write_text(PRECISE + "\n\nprecise(setattr)\nsys.exit(main())\n")
    done = torchrun(tmp_path / "precise.py", "train", written(hard(toy), tmp_path), "--out", tmp_path / "two")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("model:") == 1 and done.stderr.count("best mean IoU") == 1
    namespace: dict[str, Any] = {}
    exec(PRECISE, namespace)
    namespace["precise"](monkeypatch.setattr)
    train(hard(toy), tmp_path / "one")
    for alone, shared in zip(lines(tmp_path / "one"), lines(tmp_path / "two"), strict=True):
        if alone["kind"] != "train":
            assert shared == alone
        else:
            assert all(shared[name] == pytest.approx(alone[name], rel=1e-10) for name in ("loss", "main_loss"))
    agree(last(tmp_path / "one"), last(tmp_path / "two"), rtol=1e-9, atol=1e-10)
    facts = json.loads((tmp_path / "two" / "run.json").read_text())
    assert facts["status"] == "finished" and facts["processes"] == 2 and facts["strategy"] == "ddp"


def short(toy: MakeRecipe) -> Recipe:
    return toy(
        network__output_stride=16,
        training__average={"decay": 0.9},
        training__iterations=4,
        training__validate_every=2,
        training__validate_count=2,
        training__checkpoint_every=2,
    )


@pytest.fixture(scope="module")
def whole(toy: MakeRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of four iterations in two processes."""
    folder = tmp_path_factory.mktemp("whole")
    asked = written(short(toy), folder)
    done = sceneparse_in_two("train", asked, "--out", folder / "run")
    assert done.returncode == 0, done.stderr
    return folder / "run"


def back_to_iteration_2(whole: Path, run: Path) -> Path:
    """A copy of a run as it was when it was killed after its second iteration."""
    shutil.copytree(whole, run)
    shutil.rmtree(run / "model")
    (run / "checkpoints" / "last-00000004.pt").unlink()
    return run


def test_resumed_in_as_many_processes_it_gives_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    run = back_to_iteration_2(whole, tmp_path / "run")
    done = sceneparse_in_two("train", whole.parent / "asked.yaml", "--out", run, "--resume")
    assert done.returncode == 0 and "goes on at iteration 2" in done.stderr and "bit by bit" not in done.stderr
    assert lines(run) == lines(whole)
    one, other = (folder / "model" / "model.safetensors" for folder in (whole, run))
    assert one.read_bytes() == other.read_bytes()


def test_resumed_in_one_process_it_says_so_and_goes_on_but_for_rounding(
    toy: MakeRecipe, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(short(toy), back_to_iteration_2(whole, tmp_path / "run"), resume=True)
    assert "it began in 2 processes: the steps in 1 are the same but for rounding" in capsys.readouterr().err
    agree(last(whole), last(run), rtol=1e-3, atol=1e-4)
    assert (last(whole).processes, last(run).processes) == (2, 1)


def test_processes_that_share_the_weights_go_on_the_same_way(whole: Path, tmp_path: Path) -> None:
    run = back_to_iteration_2(whole, tmp_path / "run")
    done = sceneparse_in_two("train", whole.parent / "asked.yaml", "--out", run, "--resume", "--strategy", "fsdp")
    assert done.returncode == 0, done.stderr
    assert json.loads((run / "run.json").read_text())["strategy"] == "fsdp"
    one, other = last(whole), last(run)
    agree(one, other, rtol=1e-3, atol=1e-4)
    for index, state in one.optimizer["state"].items():
        torch.testing.assert_close(other.optimizer["state"][index], state, rtol=1e-2, atol=1e-4)


FOUR = """
import sys

from sceneparse.cli import main
from sceneparse.training import budget, probe

# Whatever was measured; measured it is.
probe.WARM, probe.TIMED = 1, 2
budget.iterations_within = lambda *_: 4
sys.exit(main(sys.argv[1:]))
"""


def test_processes_that_share_the_weights_measure_and_undo_it(toy: MakeRecipe, whole: Path, tmp_path: Path) -> None:
    (tmp_path / "four.py").write_text(FOUR)
    recipe = replace(short(toy).training, iterations=20000, minutes=1.0)
    asked = written(replace(short(toy), training=recipe), tmp_path)
    done = two_processes(tmp_path / "four.py", "train", asked, "--out", tmp_path / "run", "--strategy", "fsdp")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("4 iterations in 1 minute:") == 1
    agree(last(whole), last(tmp_path / "run"), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("batches", ["mixed", "pure"])
def test_several_tasks_are_learnt_as_by_one_process(tmp_path: Path, batches: str) -> None:
    """Mixed: one process may have all there is of a task. Pure: heads that a batch has no labels for take no part."""
    recipe = unified(batches)
    one = train(recipe, tmp_path / "one")
    words = ["train", written(recipe, tmp_path), "--out", tmp_path / "two"]
    done = sceneparse_command(*words, "--devices", 2) if batches == "mixed" else sceneparse_in_two(*words)
    assert done.returncode == 0, done.stderr
    if batches == "mixed":  # PyTorch warns that no head was left out
        assert "Warning" not in done.stderr
    for alone, shared in zip(lines(one), lines(tmp_path / "two"), strict=True):
        # A pixel more or less at a boundary moves the validation's figures by more than rounding.
        near = 2e-3 if alone["kind"] == "train" else 5e-2
        for name, value in alone.items():
            assert shared[name] == (pytest.approx(value, rel=near) if isinstance(value, float) else value), name


def unified(batches: str) -> Recipe:
    """A unified network over a mixture of two toy worlds."""
    return from_mapping(
        Recipe,
        {
            "name": "unified",
            "backbone": {"name": "test_resnet"},
            "network": {
                "architecture": "upernet_unified",
                "channels": 8,
                "aux": False,
                "dropout": 0.0,
                "tasks": {"from_data": ["scenes", "parts", "materials", "textures"]},
            },
            "data": {
                "kind": "mixture",
                "batches": batches,
                "workers": 0,
                "size": 64,
                "train_count": 8,
                "eval_count": 2,
                "sources": [
                    {"kind": "toyworld", "name": "objects", "tasks": ["objects", "parts", "scene"]},
                    {"kind": "toyworld", "name": "textures", "tasks": ["textures", "materials"]},
                ],
            },
            "augmentation": {"crop": [64, 64], "scale": [1, 1], "rotate_probability": 0, "blur_probability": 0},
            # With 0.01 the loss grows, and what processes round otherwise with it: on some processors too much.
            "optimizer": {"lr": 0.001, "head_factor": 1.0},
            "training": {
                "iterations": 4,
                "batch": 4,
                "precision": "float32",
                "validate_every": 0,
                "validate_count": 3,
                "log_every": 1,
                "device": "cpu",
            },
        },
        "test",
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--devices", "0"], "--devices is 0, but must be at least 1"),
        (["--num-nodes", "2"], "--num-nodes 2 needs MASTER_ADDR, MASTER_PORT, NODE_RANK in the environment"),
        (["--strategy", "fsdp"], "fsdp shares a network's weights among processes: start several (--devices N)"),
    ],
)
def test_what_several_processes_cannot_do_is_told(
    toy: MakeRecipe, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["train", str(written(toy(), tmp_path)), "--out", str(tmp_path / "run"), *words]) == 2
    assert f"error: {message}" in capsys.readouterr().err


def test_a_batch_that_cannot_be_shared_is_refused(toy: MakeRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": 1, "WORLD_SIZE": 3, "LOCAL_RANK": 1, "LOCAL_WORLD_SIZE": 3}.items():
        monkeypatch.setenv(name, str(value))
    with pytest.raises(UserError, match=r"training\.batch is 4, but must be a multiple of .* = 3"):
        start_fabric(toy())


class Gathered(Processes):
    """Two processes, of which the other one tells a number."""

    def __init__(self, other: int) -> None:
        super().__init__(0, 2)
        object.__setattr__(self, "other", other)

    def gather(self, rows: torch.Tensor) -> torch.Tensor:
        return torch.cat([rows, torch.tensor([[self.other]])])  # type: ignore[attr-defined]


def test_processes_that_see_different_run_folders_are_refused() -> None:
    refuse_different_folders(Gathered(4), 4)
    refuse_different_folders(ALONE, 4)
    for found, other in ((4, 0), (0, 4)):
        with pytest.raises(UserError, match=r"different run folders.*: out must be on a disk that all machines share"):
            refuse_different_folders(Gathered(other), found)


def test_a_run_folder_that_one_process_does_not_see_is_refused_by_both(whole: Path, tmp_path: Path) -> None:
    """As on two machines, each with a disk of its own."""
    back_to_iteration_2(whole, tmp_path / "rank0" / "run")
    (tmp_path / "rank1").mkdir()
    asked = whole.parent / "asked.yaml"
    script = tmp_path / "apart.py"
    script.write_text(
        "import os, sys\n"
        "from sceneparse.cli import main\n"
        f"os.chdir(os.path.join({str(tmp_path)!r}, 'rank' + os.environ['RANK']))\n"
        f"sys.exit(main(['train', {str(asked)!r}, '--out', 'run', '--resume']))\n"
    )
    done = two_processes(script)
    assert done.returncode != 0 and "the processes see different run folders" in done.stderr
    assert not (tmp_path / "rank1" / "run" / "recipe.yaml").exists()


def test_ctrl_c_stops_all_after_a_checkpoint(toy: MakeRecipe, tmp_path: Path) -> None:
    process = long_training(toy, tmp_path)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert said.count("stopped after iteration") == 1 and said.rstrip().endswith("stopped")
    done = last(tmp_path / "run").iteration
    assert f"stopped after iteration {done};" in said
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "stopped"


@slow
def test_a_process_that_dies_takes_the_others_along_with_one_word(toy: MakeRecipe, tmp_path: Path) -> None:
    process = long_training(toy, tmp_path)
    ranks = children(process.pid)
    assert len(ranks) == 2
    os.kill(ranks[1], signal.SIGKILL)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 1 and not any(Path(f"/proc/{rank}").exists() for rank in ranks)
    assert said.count("error") == 1 and "error: process 1 was ended by SIGKILL" in said


def long_training(toy: MakeRecipe, folder: Path) -> "subprocess.Popen[str]":
    """A training in two processes, on its way."""
    asked = written(toy(training__iterations=100000, training__validate_every=0), folder)
    command = [sys.executable, "-m", "sceneparse.cli", "train", str(asked), "--out", str(folder / "run"), "--devices=2"]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)
    file = folder / "run" / "metrics.jsonl"
    while not file.exists() or not file.stat().st_size:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    return process


def children(parent: int) -> list[int]:
    """The processes that a process started, in their order."""
    return [int(one) for one in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def test_a_broken_picture_is_told_once_though_the_second_process_meets_it(
    toy: MakeRecipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `--devices 2` starts them; what it makes of their ends is tested in tests/processes/test_launch.py."""
    moved = tmp_path / "data"
    shutil.copytree(data, moved)
    recipe = toy(data__root=str(moved))
    dataset = open_dataset(recipe.data, "train")
    _, index = draws(len(dataset), recipe.training.pictures, recipe.training.seed, 0, Share(1, 2))[0]
    broken = moved / "images" / "train" / f"{Path(dataset.name(index)).name}.png"
    broken.write_bytes(broken.read_bytes()[:50])
    monkeypatch.setenv(SUPERVISED, "1")
    done = sceneparse_in_two("train", written(recipe, tmp_path), "--out", tmp_path / "run")
    assert done.returncode == LOST, "of the first, which has lost the other"
    assert done.stderr.count("error") == 1 and f"error: {broken}" in done.stderr
