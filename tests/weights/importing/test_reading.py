"""Checkpoints of every form are read, nothing in them is run, and nothing is taken on trust."""

import json
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from sceneparse.errors import UserError
from sceneparse.weights.importing.reading import read_checkpoint

STATE = OrderedDict(a=torch.arange(6.0).view(2, 3), b=torch.tensor(7), c=torch.ones(4).half())


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3, "optimizer": {"state": {0: {"step": torch.zeros(1)}}}},
        lambda state: {"model": {f"module.{key}": value for key, value in state.items()}, "args": None},
        lambda state: {"model_state_dict": state, "best": 0.5},
        lambda state: {f"module.module.{key}": value for key, value in state.items()},
    ],
)
def test_torch_files_are_read_in_every_nesting(zipped: bool, wrap: Any, tmp_path: Path) -> None:
    torch.save(wrap(STATE), tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    found = read_checkpoint(tmp_path / "a.pth")
    assert found.shapes == {"a": (2, 3), "b": (), "c": (4,)}
    assert all(torch.equal(found.tensors[key], value) for key, value in STATE.items())


@pytest.mark.parametrize("zipped", [True, False])
def test_shared_and_strided_tensors_are_read(zipped: bool, tmp_path: Path) -> None:
    base = torch.arange(12.0).view(3, 4)
    state = {"whole": base, "turned": base.t(), "part": base[1:, 2], "parameter": torch.nn.Parameter(base[0])}
    torch.save(state, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    found = read_checkpoint(tmp_path / "a.pth").tensors
    assert all(torch.equal(found[key], value) for key, value in state.items())


def test_what_lies_beside_the_weights_is_named(tmp_path: Path) -> None:
    torch.save({"state_dict": STATE, "epoch": 3, "optimizer": {}}, tmp_path / "a.pth")
    assert read_checkpoint(tmp_path / "a.pth").notes == (
        "weights taken from 'state_dict', beside it: epoch, optimizer",
    )


class Payload:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("beside", [True, False])
def test_a_malicious_pickle_runs_nothing_and_is_named(zipped: bool, beside: bool, tmp_path: Path) -> None:
    payload = Payload(tmp_path / "mark")
    content = {"state_dict": STATE, "more": payload} if beside else {**STATE, "d": payload}
    torch.save(content, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match=r"wants posix\.system, and nothing in it was run"):
        read_checkpoint(tmp_path / "a.pth")
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_plain_pickle_runs_nothing(protocol: int, tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(pickle.dumps(Payload(tmp_path / "mark"), protocol))
    with pytest.raises(UserError, match=r"a\.pth: "):
        read_checkpoint(tmp_path / "a.pth")
    assert not (tmp_path / "mark").exists()


def test_a_whole_pickled_network_is_refused_with_its_class(tmp_path: Path) -> None:
    torch.save(torch.nn.Conv2d(1, 1, 1), tmp_path / "a.pth")
    with pytest.raises(UserError, match=r"wants torch\.nn\.modules\.conv\.Conv2d.*save its state_dict"):
        read_checkpoint(tmp_path / "a.pth")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_tensor_that_claims_more_than_the_file_holds_is_refused(zipped: bool, tmp_path: Path) -> None:
    state = {"a": torch.zeros(1).expand(10**12)}
    torch.save(state, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match="'a' claims 1,000,000,000,000 numbers, but the file holds 1 for it"):
        read_checkpoint(tmp_path / "a.pth")


def test_a_storage_that_claims_more_than_its_record_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(4)}, tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth") as source, zipfile.ZipFile(tmp_path / "b.pth", "w") as out:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename.endswith("data.pkl"):
                content = content.replace(b"K\x04t", b"K\x10t").replace(b"K\x04\x85", b"K\x10\x85")
            out.writestr(entry.filename, content)
    with pytest.raises(UserError, match="has 16 bytes, but claims 16 numbers"):
        read_checkpoint(tmp_path / "b.pth")


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.pth", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("a/data.pkl", b"\x80\x02}.")
        out.writestr("a/data/0", bytes(10**7))
    with pytest.raises(UserError, match="compressed"):
        read_checkpoint(tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({**STATE, "note": "text"}, "'note' is a text"),
        ({**STATE, "d": torch.zeros(0)}, "'d' is empty"),
        ({**STATE, "d": torch.ones(2) / 0}, "'d' holds values that are not finite"),
        ({**STATE, "d": torch.ones(2, dtype=torch.bool)}, "'d' is bool"),
        ({"state_dict": {}}, "holds no weights"),
        (list(STATE.values()), "holds a list"),
    ],
)
def test_rubbish_is_refused(content: Any, says: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(UserError, match=says):
        read_checkpoint(tmp_path / "a.pth")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["zipped", "legacy", "safetensors"])
def test_a_file_that_is_cut_short_is_refused(kind: str, share: float, tmp_path: Path) -> None:
    path = tmp_path / ("a.safetensors" if kind == "safetensors" else "a.pth")
    if kind == "safetensors":
        save_file(STATE, path)
    else:
        torch.save(STATE, path, _use_new_zipfile_serialization=kind == "zipped")
    os.truncate(path, int(share * path.stat().st_size))
    with pytest.raises(UserError, match=path.name):
        read_checkpoint(path)


def test_a_pair_is_read_from_its_encoder_or_its_folder(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(2)}, tmp_path / "encoder_epoch_20.pth")
    with pytest.raises(UserError, match=r"decoder_epoch_20\.pth is not beside it"):
        read_checkpoint(tmp_path / "encoder_epoch_20.pth")
    torch.save({"w": torch.ones(3)}, tmp_path / "decoder_epoch_20.pth")
    for path in (tmp_path, tmp_path / "encoder_epoch_20.pth"):
        assert read_checkpoint(path).shapes == {"encoder.w": (2,), "decoder.w": (3,)}
    with pytest.raises(UserError, match="second half of a pair"):
        read_checkpoint(tmp_path / "decoder_epoch_20.pth")
    torch.save({"w": torch.zeros(2)}, tmp_path / "encoder_epoch_30.pth")
    with pytest.raises(UserError, match="holds 2 encoders"):
        read_checkpoint(tmp_path)


def test_a_folder_in_several_files_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2)}, tmp_path / "model-1.safetensors")
    save_file({"b": torch.zeros(3)}, tmp_path / "model-2.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}))
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}))
    found = read_checkpoint(tmp_path)
    assert found.shapes == {"a": (2,), "b": (3,)}
    assert found.class_names == ()
    for placed, says in (
        ({"a": "model-1.safetensors", "b": "../model-2.safetensors"}, "no file beside it"),
        ({"a": "model-1.safetensors", "b": "model-1.safetensors"}, "places 'b' in model-1"),
        ({"a": "model-1.safetensors", "c": "model-2.safetensors"}, "does not place 'b'"),
    ):
        index.write_text(json.dumps({"weight_map": placed}))
        with pytest.raises(UserError, match=says):
            read_checkpoint(tmp_path)
