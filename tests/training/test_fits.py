"""What fits: the batch found by trying, blocks computed twice, compiled networks, and loader processes by the cores."""

import copy
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sceneparse.data import workers as loader_workers
from sceneparse.errors import UserError
from sceneparse.processes import ALONE, Processes, machine
from sceneparse.processes.allocation import keep_freed_memory
from sceneparse.recipes import read_recipe
from sceneparse.settings import Recipe
from sceneparse.training import batch_size, compiling
from sceneparse.training.batch_size import with_found_batch
from sceneparse.training.loop import train
from sceneparse.training.prepare import Prepared, prepare
from sceneparse.training.random_steps import RandomSteps, random_batch
from tests.training.test_resume import metrics

MakeRecipe = Callable[..., Recipe]
GIB = 1 << 30


def with_memory(monkeypatch: pytest.MonkeyPatch, free: int, *, fixed: int, each: int) -> list[int]:
    """Pretend that a step takes `fixed + each * pictures` bytes of `free`; returns the batches that are tried."""
    tried: list[int] = []

    def taken(steps: RandomSteps, size: int, before: int) -> float:
        assert before > 0
        steps.take(size)
        tried.append(size)
        return fixed + each * size

    monkeypatch.setattr(batch_size, "available_memory", lambda: free)
    monkeypatch.setattr(batch_size, "_taken", taken)
    return tried


@pytest.mark.parametrize(
    ("free", "accumulate", "found"),
    # Of 0.75 x free, 4 MiB is the cache's. 6 samples allow 4 pictures, or 2 chunks of 2.
    [(9 * GIB, 1, 4), (5 * GIB, 1, 2), (9 * GIB, 2, 4)],
)
def test_the_largest_batch_that_fits_is_found_from_two_and_four(
    toy: MakeRecipe,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    free: int,
    accumulate: int,
    found: int,
) -> None:
    tried = with_memory(monkeypatch, free, fixed=GIB, each=GIB)
    recipe = toy(training__batch="auto", training__accumulate=accumulate)
    prepared = with_found_batch(prepare(recipe, None, "auto"))
    assert prepared.recipe.training.batch == found
    assert max(tried) <= 4
    said = capsys.readouterr().err
    assert said.count("training.batch auto") == 1 and "optimizer.lr stays 0.01" in said
    assert ("the training split has 6" in said) == (found == 4)


def test_more_chunks_than_pictures_take_the_least_batch_and_the_line_says_so(
    toy: MakeRecipe, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_memory(monkeypatch, 99 * GIB, fixed=GIB, each=GIB)
    recipe = toy(training__batch="auto", training__accumulate=4)
    assert with_found_batch(prepare(recipe, None, "auto")).recipe.training.batch == 8
    assert "8 pictures a step (the least: 2 in each chunk of each process)" in capsys.readouterr().err


def state(prepared: Prepared) -> list[Tensor]:
    return [one.detach().clone() for one in prepared.learner.network.state_dict().values()]


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_trying_leaves_nothing_behind(toy: MakeRecipe, kind: str) -> None:
    optimizer = {"optimizer__kind": kind, "training__precision": "bfloat16"}
    prepared = prepare(toy(training__batch="auto", **optimizer), None, "auto")
    before, rates = state(prepared), copy.deepcopy(prepared.learner.optimizer.state_dict())
    chance = torch.get_rng_state()
    found = with_found_batch(prepared)
    assert all(torch.equal(one, other) for one, other in zip(state(found), before, strict=True))
    assert found.learner.optimizer.state_dict() == rates
    assert torch.equal(torch.get_rng_state(), chance)
    assert all(one.grad is None for one in prepared.learner.network.parameters())
    assert prepared.learner.network.training


def test_the_run_is_that_of_the_number_which_its_recipe_holds(toy: MakeRecipe, tmp_path: Path) -> None:
    plain = train(toy(training__batch=4), tmp_path / "plain")
    auto = train(toy(training__batch="auto"), tmp_path / "auto")
    assert read_recipe(auto / "recipe.yaml").training.batch == 4
    assert (auto / "model" / "model.safetensors").read_bytes() == (plain / "model" / "model.safetensors").read_bytes()
    assert metrics(auto) == metrics(plain)


def test_a_run_goes_on_with_the_batch_that_it_found(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = toy(training__batch="auto")
    run = train(recipe, tmp_path / "run")
    (run / "model").rename(tmp_path / "gone")
    monkeypatch.setattr(RandomSteps, "take", lambda *_: pytest.fail("it is known"))
    train(recipe, run, resume=True)
    # Stopped before its first checkpoint, too.
    shutil.rmtree(run / "checkpoints")
    shutil.rmtree(run / "model")
    train(replace(recipe, name="other"), run, resume=True)
    with pytest.raises(UserError, match=r"training\.batch is 2 but was 4"):
        train(toy(training__batch=2), run, resume=True)


def test_a_machine_with_too_little_memory_or_that_says_nothing_is_refused(
    toy: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = toy(training__batch="auto")
    with_memory(monkeypatch, GIB, fixed=GIB, each=GIB)
    with pytest.raises(UserError, match=r"training\.batch auto: a step of 2 takes about 3\.0 GiB, which is more than"):
        with_found_batch(prepare(recipe, None, "auto"))
    monkeypatch.setattr(batch_size, "available_memory", lambda: None)
    with pytest.raises(UserError, match="this machine does not say how much memory there is"):
        with_found_batch(prepare(recipe, None, "auto"))


def test_every_head_of_a_unified_network_is_tried() -> None:
    changes: dict[str, Any] = {
        "backbone": {"name": "test_resnet"},
        "network": {"channels": 8},
        "data": {"toyworld": {"size": 64, "train_count": 4, "eval_count": 2}, "workers": 0},
        "augmentation": {"crop": [64, 64]},
        "training": {"batch": "auto", "precision": "float32", "device": "cpu"},
    }
    prepared = prepare(read_recipe("toy-unified", **changes), None, "auto")
    batch = random_batch(prepared, 2)
    assert all(getattr(batch, name) is not None for name in ("scenes", "parts", "owners", "materials", "textures"))
    assert with_found_batch(prepared).recipe.training.batch == 4


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"training__batch": "auto", "augmentation__crop": None}, "training.batch is auto, but augmentation.crop is null"),
    ({"training__compile": True, "augmentation__crop": None}, "training.compile needs an augmentation.crop"),
    ({"training__compile": True, "training__activation_checkpointing": True}, "has no effect beside training.compile"),
    (
        {"training__activation_checkpointing": True, "backbone__frozen": "all", "backbone__weights": "hub"},
        "training.activation_checkpointing has no effect, since backbone.frozen is all",
    ),
    ({"training__batch": 0}, "training.batch is 0, but must be at least 1, or auto"),
    ({"data__workers": -1}, "data.workers is -1, but must be 0 or more, or auto"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED)
def test_what_does_not_go_together_is_refused(toy: MakeRecipe, settings: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message.replace(".", r"\.")):
        toy(**settings)


def test_a_training_of_recomputed_blocks_is_the_same_to_the_bit(toy: MakeRecipe, tmp_path: Path) -> None:
    plain = train(toy(), tmp_path / "plain")
    recomputed = train(toy(training__activation_checkpointing=True), tmp_path / "recomputed")
    assert metrics(recomputed) == metrics(plain)
    model = "model/model.safetensors"
    assert (recomputed / model).read_bytes() == (plain / model).read_bytes()


def test_blocks_that_are_not_there_cannot_be_recomputed(toy: MakeRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sceneparse.training.prepare.recompute_blocks", lambda _: 0)
    with pytest.raises(UserError, match="has no effect on backbone test_resnet: it has no blocks that learn"):
        prepare(toy(training__activation_checkpointing=True), None, "auto")


def test_compiling_needs_a_compiler_that_works_and_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    network: Any = torch.nn.Identity()
    cpu = torch.device("cpu")
    with pytest.raises(UserError, match=r"training\.compile is for one process, but there are 2"):
        compiling.compiled(network, cpu, Processes(0, 2))
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UserError, match=r"needs a C\+\+ compiler on the CPU, and there is no no-such-compiler"):
        compiling.compiled(network, cpu, ALONE)
    monkeypatch.setenv("CXX", "true")
    monkeypatch.setattr(compiling, "_compile", lambda _: broken)
    with pytest.raises(UserError, match=r"does not work on this machine \(no headers\); leave it out"):
        compiling.compiled(network, cpu, ALONE)


def broken(_: Tensor) -> Tensor:
    raise RuntimeError("no headers\nand a long story")


def test_a_compiled_training_gives_the_same_but_for_rounding_and_goes_on_exactly(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Traced and differentiated as for any compiler, but run by PyTorch's own kernels: inductor takes minutes.
    def traced(module: Any) -> Any:
        return module if module is compiling._tiny else torch.compile(module, dynamic=False, backend="aot_eager")

    monkeypatch.setattr(compiling, "_compile", traced)
    monkeypatch.setattr("shutil.which", lambda _: "g++")
    settings: dict[str, object] = {
        "network__architecture": "pspnet",
        "network__bins": [2],
        "network__output_stride": 16,
        "augmentation__crop": [48, 48],
        "training__iterations": 2,
        "training__validate_every": 1,
    }
    plain = train(toy(**settings), tmp_path / "plain")
    recipe = toy(**settings, training__compile=True)
    run = train(recipe, tmp_path / "compiled")
    for one, other in zip(metrics(run), metrics(plain), strict=True):
        assert one.keys() == other.keys()
        numbers = {key: value for key, value in one.items() if isinstance(value, float)}
        assert numbers == pytest.approx({key: other[key] for key in numbers}, rel=2e-3)
    # As after a stop: the last checkpoint but one goes on to the same bytes.
    model = (run / "model" / "model.safetensors").read_bytes()
    shutil.rmtree(run / "model")
    (run / "checkpoints" / "last-00000002.pt").unlink()
    train(recipe, run, resume=True)
    assert (run / "model" / "model.safetensors").read_bytes() == model


@pytest.mark.parametrize(
    ("device", "cores", "workers"),
    [("cpu", 1, 0), ("cpu", 2, 1), ("cpu", 16, 2), ("cuda", 1, 1), ("cuda", 2, 1), ("cuda", 16, 15), ("cuda", 96, 16)],
)
def test_loader_processes_follow_from_the_cores(
    monkeypatch: pytest.MonkeyPatch, device: str, cores: int, workers: int
) -> None:
    monkeypatch.setattr(loader_workers, "usable_cores", lambda: cores)
    assert loader_workers.loader_workers("auto", device) == workers
    assert loader_workers.loader_workers(7, device) == 7


def test_limits_of_containers_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "groups"
    files = {
        proc / "meminfo": "MemTotal: 100 kB\nMemAvailable: 8388608 kB\n",
        proc / "self" / "cgroup": "0::/outer/inner\n",
        groups / "outer" / "memory.max": f"{4 * GIB}\n",
        groups / "outer" / "memory.current": f"{2 * GIB}\n",
        groups / "outer" / "memory.stat": f"anon 5\ninactive_file {GIB}\n",
        groups / "outer" / "inner" / "memory.max": "max\n",
        groups / "outer" / "inner" / "memory.current": "0\n",
        groups / "outer" / "inner" / "cpu.max": "150000 100000\n",
    }
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert machine.usable_cores(proc, groups) == 2
    assert machine.available_memory(proc, groups) == 3 * GIB
    # Version 1, and two processes that share the machine.
    (proc / "self" / "cgroup").write_text("4:memory:/\n3:cpu,cpuacct:/\n")
    for name, text in {
        "cpu/cpu.cfs_quota_us": "400000",
        "cpu/cpu.cfs_period_us": "100000",
        "memory/memory.limit_in_bytes": str(6 * GIB),
        "memory/memory.usage_in_bytes": "0",
    }.items():
        (groups / name).parent.mkdir(exist_ok=True)
        (groups / name).write_text(text)
    for name, number in {"RANK": 0, "WORLD_SIZE": 2, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 2}.items():
        monkeypatch.setenv(name, str(number))
    assert machine.usable_cores(proc, groups) == 2
    assert machine.available_memory(proc, groups) == 3 * GIB
    assert machine.available_memory(tmp_path / "nowhere", groups) is None
    # Three runs of a sweep at a time, each of two processes.
    monkeypatch.setenv(machine.SHARED_BY, "3")
    assert machine.usable_cores(proc, groups) == 1
    assert machine.available_memory(proc, groups) == GIB


def test_the_peak_of_memory_is_seen_in_a_process_that_keeps_what_it_frees() -> None:
    keep_freed_memory()
    torch.ones(64 << 18)
    if not machine.PeakMemory.begin():
        pytest.skip("this machine cannot forget its peak")
    before = machine.PeakMemory.now()
    torch.ones(64 << 18)
    assert machine.PeakMemory.bytes() - before > 50 << 20
    machine.PeakMemory.begin()
    assert machine.PeakMemory.bytes() - before < 50 << 20
