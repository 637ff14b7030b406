"""Every key of a checkpoint is used or known to be of no use, every parameter is filled, or nothing is imported."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint
from sceneparse.weights.importing.families.torchvision import NAMES
from sceneparse.weights.importing.family import theirs

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    """A small FCN of torchvision's."""
    torch.manual_seed(0)
    network = build(BackboneSettings("resnet18"), NetworkSettings(architecture="fcn", channels=8), 21)
    return {theirs(key, NAMES): value for key, value in network.state_dict().items()}


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., ImportedModel]:
    def run(state: State, family: str = "auto", labels: Path | None = None) -> ImportedModel:
        torch.save(state, tmp_path / "a.pth")
        found = import_checkpoint(tmp_path / "a.pth", family, labels)
        assert isinstance(found, ImportedModel)
        return found

    return run


def test_values_arrive_unchanged_and_classes_are_assumed_aloud(state: State, run: Callable[..., ImportedModel]) -> None:
    found = run(state)
    for key, value in found.model.network.state_dict().items():
        assert torch.equal(value, state[theirs(key, NAMES)]), key
    assert found.model.labels.names[:2] == ("background", "aeroplane")
    assert "assumed to be voc-21" in found.classes
    assert found.account.used == len(state) and found.account.dropped == ()


def test_counters_of_batches_may_be_absent_all_together(state: State, run: Callable[..., ImportedModel]) -> None:
    old = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    assert run(old).model.network.state_dict()["backbone.body.bn1.num_batches_tracked"] == 0
    old["backbone.bn1.num_batches_tracked"] = torch.tensor(5)
    with pytest.raises(UserError, match="it lacks"):
        run(old)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s | {"backbone.more": torch.zeros(1)}, r"nothing fits one of its keys \(backbone\.more\)"),
        (
            lambda s: {k: v for k, v in s.items() if k != "backbone.layer3.0.bn1.bias"},
            r"it lacks one \(backbone\.layer3\.0\.bn1\.bias\)",
        ),
        (lambda s: s | {"backbone.bn1.bias": torch.zeros(65)}, r"'backbone\.bn1\.bias' is \[65\] and should be \[64\]"),
        (lambda s: s | {"backbone.bn1.bias": torch.zeros(64, dtype=torch.int64)}, "is int64, but must be fractions"),
        (
            lambda s: {k: v for k, v in s.items() if not k.startswith("backbone.layer3.1.")},
            r"2, 2, 1, 2 basic blocks, as no published ResNet",
        ),
        (lambda s: {k: v for k, v in s.items() if k.startswith("backbone.")}, "no family .* first keys are backbone"),
    ],
)
def test_what_does_not_fit_whole_is_refused(
    state: State, run: Callable[..., ImportedModel], change: Callable[[State], State], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        run(change(dict(state)))


def test_another_family_than_the_one_named_is_refused(state: State, run: Callable[..., ImportedModel]) -> None:
    with pytest.raises(UserError, match="not semseg; its first keys are"):
        run(state, "semseg")
    with pytest.raises(UserError, match="no family 'semsec'; known: auto, semseg"):
        run(state, "semsec")


def test_classes_are_named_by_the_users_file(state: State, run: Callable[..., ImportedModel], tmp_path: Path) -> None:
    (tmp_path / "classes.json").write_text('{"names": ["a", "b"]}')
    with pytest.raises(UserError, match="names 2 classes, but the checkpoint has 21"):
        run(state, labels=tmp_path / "classes.json")
    (tmp_path / "classes.json").write_text(str({"names": [f"n{i}" for i in range(21)]}).replace("'", '"'))
    assert run(state, labels=tmp_path / "classes.json").model.labels.names[3] == "n3"
