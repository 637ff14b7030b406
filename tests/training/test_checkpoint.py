from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sceneparse.errors import UserError
from sceneparse.training.checkpoint import Checkpoint, Checkpoints

FIRST = Checkpoint(
    iteration=10,
    network={"weight": torch.arange(1000.0), "steps": torch.tensor(3)},
    optimizer={"state": {0: {"momentum": torch.ones(4)}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
    scaler={},
    precision="float32",
    samples=7,
    metrics_bytes=120,
    seconds=1.5,
    recent={"loss": 2.5, "count": 1},
    best_iteration=None,
    best_metrics=None,
)


def fail(text: str) -> None:
    raise AssertionError(text)


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    assert not checkpoints.exist() and checkpoints.load(fail) is None
    checkpoints.save(FIRST)
    loaded = checkpoints.load(fail)
    assert loaded is not None and checkpoints.exist()
    assert torch.equal(loaded.network["weight"], FIRST.network["weight"])
    assert torch.equal(loaded.optimizer["state"][0]["momentum"], torch.ones(4))
    assert replace(loaded, network={}, optimizer={}) == replace(FIRST, network={}, optimizer={})


def test_only_the_newest_two_and_their_best_networks_stay(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    best = None
    for iteration in (10, 20, 30, 40, 50):
        if iteration in (10, 20, 50):
            best = iteration
            checkpoints.save_best({"weight": torch.tensor(float(iteration))}, iteration)
        checkpoints.save(replace(FIRST, iteration=iteration, best_iteration=best, best_metrics={"mean_iou": 0.5}))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best-00000020.safetensors",
        "best-00000050.safetensors",
        "last-00000040.pt",
        "last-00000050.pt",
    ]
    assert load_file(checkpoints.best_file(20))["weight"] == 20


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_checkpoint_is_skipped_with_a_word(tmp_path: Path, damage: str) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(FIRST)
    path = checkpoints.save(replace(FIRST, iteration=20))
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        middle = content.find(torch.tensor(500.0).numpy().tobytes())
        content[middle] ^= 1
    damaged: dict[str, bytes] = {"cut": bytes(content[:-100]), "flipped": bytes(content), "empty": b""}
    path.write_bytes(damaged[damage])
    said: list[str] = []
    loaded = checkpoints.load(said.append)
    assert loaded is not None and loaded.iteration == 10
    assert len(said) == 1 and "last-00000020.pt: damaged" in said[0]
    checkpoints.forget_after(loaded)
    assert not path.exists()


def test_nothing_but_damaged_checkpoints_is_refused(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(FIRST).write_bytes(b"x")
    with pytest.raises(UserError, match="every checkpoint is damaged"):
        checkpoints.load(lambda _: None)


def test_half_written_files_are_never_taken_for_checkpoints_and_go(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    half = tmp_path / ".last-00000099.abc.tmp.pt"
    half.write_bytes(b"half")
    assert not checkpoints.exist() and checkpoints.load(fail) is None
    checkpoints.remove_unfinished()
    assert not half.exists()


def test_a_best_network_that_no_checkpoint_knows_yet_is_forgotten(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save_best({}, 10)
    kept = replace(FIRST, best_iteration=10)
    checkpoints.save(kept)
    checkpoints.save_best({}, 15)
    checkpoints.forget_after(kept)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best-00000010.safetensors", "last-00000010.pt"]
    with pytest.raises(UserError, match=r"best-00000015\.safetensors: missing"):
        checkpoints.best_file(15)


def test_a_best_network_that_an_earlier_version_wrote_is_taken_over(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    torch.save({"weight": torch.ones(2)}, tmp_path / "best-00000010.pt")
    kept = replace(FIRST, best_iteration=10)
    checkpoints.save(kept)
    assert load_file(checkpoints.best_file(10, {"iteration": "10"}))["weight"].tolist() == [1, 1]
    checkpoints.forget_after(None)
    assert list(tmp_path.iterdir()) == []
