"""Tensors of kinds that no weight has may lie beside the weights; among them they are refused by name."""

from pathlib import Path
from typing import Any

import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.weights.importing.reading import read_checkpoint

STATE = {"a": torch.arange(6.0).view(2, 3)}


KINDS: dict[str, tuple[Any, str]] = {
    "complex": (torch.ones(3, dtype=torch.complex64), "'b' is complex64, but weights are numbers"),
    "complex, double": (torch.ones(3, dtype=torch.complex128), "'b' is complex128, but weights are numbers"),
    "newer": (torch.ones(3, dtype=torch.uint16), r"'b' is a tensor in a form .*_rebuild_tensor_v3 of torch\.uint16"),
    "sparse": (
        torch.eye(2).to_sparse(),
        r"'b' is a tensor in a form that is not .*torch\._utils\._rebuild_sparse",
    ),
}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_other_tensors_may_lie_beside_the_weights_alone(kind: str, zipped: bool, tmp_path: Path) -> None:
    tensor, words = KINDS[kind]
    path = tmp_path / "a.pth"
    beside = {"state_dict": STATE, "optimizer": {"state": {0: {"moment": tensor}}}}
    torch.save(beside, path, _use_new_zipfile_serialization=zipped)
    assert torch.equal(read_checkpoint(path).tensors["a"], STATE["a"])
    torch.save({"state_dict": STATE | {"b": tensor}}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match=rf"a\.pth: .*{words}"):
        read_checkpoint(path)
