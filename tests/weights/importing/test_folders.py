"""Which files of a checkpoint are read, by which it is told from another one."""

from pathlib import Path

import torch

from sceneparse.weights.importing.folders import files_read
from tests.support.smp_folder import write_smp_folder


def test_a_pair_is_both_files_and_what_says_its_encoder(tmp_path: Path) -> None:
    for name in ("encoder_epoch_20.pth", "decoder_epoch_20.pth"):
        torch.save({"w": torch.zeros(2)}, tmp_path / name)
    names = ["encoder_epoch_20.pth", "decoder_epoch_20.pth"]
    assert [path.name for path in files_read(tmp_path)] == names
    (tmp_path / "config.yaml").write_text("MODEL: {}")
    for path in (tmp_path, tmp_path / "encoder_epoch_20.pth"):
        assert [path.name for path in files_read(path)] == [*names, "config.yaml"]


def test_a_folder_is_its_weights_and_what_stands_beside_them(tmp_path: Path) -> None:
    folder = write_smp_folder(tmp_path / "peer", shards=2)
    (folder / "preprocessor_config.json").write_text("{}")
    (folder / "README.md").write_text("not read")
    shards = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    assert [path.name for path in files_read(folder)] == [
        "model.safetensors.index.json",
        *shards,
        "config.json",
        "preprocessor_config.json",
    ]
    torch.save({}, tmp_path / "net.pth")
    assert files_read(tmp_path / "net.pth") == [tmp_path / "net.pth"]
