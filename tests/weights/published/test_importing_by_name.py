"""`import` takes a published checkpoint's name or a hub id, as every command that takes a MODEL does."""

import hashlib
import json
import re
import shlex
from pathlib import Path

import huggingface_hub
import pytest

from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.settings import Temperatures
from sceneparse.weights.calibrated import folder_to_calibrate, keep_temperatures
from sceneparse.weights.model import load_model
from sceneparse.weights.published.listing import describe
from sceneparse.weights.published.obtaining import obtain
from tests.support.catalogue import NAME, SHORT, Publish
from tests.support.hub import Snapshots
from tests.support.mmseg_file import CLASSES
from tests.support.owner import Owner
from tests.support.smp_folder import write_smp_folder

LICENCE = "licence of the weights: Apache-2.0; trained on Cityscapes (its terms: the owner's terms: non-c"


def test_a_name_is_fetched_checked_and_imported_into_the_folder_that_is_asked_for(
    publish: Publish, owner: Owner, checkpoint: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = hashlib.sha256(checkpoint).hexdigest()
    one = publish(checksum=f"sha256:{digest[:8]}")
    assert main(["import", SHORT, "--out", str(tmp_path / "model")]) == 0
    said = capsys.readouterr()
    assert LICENCE in said.err and f"{digest}, which begins with the 8 digits in its name" in said.err
    assert "recognised: mmseg: pspnet on resnet18c, 3 classes" in said.out
    model = load_model(tmp_path / "model")
    assert model.labels.names == CLASSES and model.config.name == SHORT
    assert "Licence of the weights: Apache-2.0; trained on Cityscapes" in (tmp_path / "model/README.md").read_text()
    assert not (one.folder / "model").exists(), "it is kept once"
    again = ["import", NAME, "--network.align_corners", "true", "--out", str(tmp_path / "aligned")]
    assert main(again) == 0
    assert "the same as on" in capsys.readouterr().err
    assert load_model(tmp_path / "aligned").config.network.align_corners
    assert owner.asked == [None], "what was fetched for the first is there for the second, and for other commands"
    assert obtain(one).is_dir() and owner.asked == [None]
    assert f"size          {len(checkpoint):,} bytes" in describe(one)


def test_a_size_is_shown_as_soon_as_it_is_known(publish: Publish, checkpoint: bytes) -> None:
    one = publish()
    assert one.bytes is None and "  size  " not in describe(one)
    obtain(one)
    assert one.bytes == one.to_json()["bytes"] == len(checkpoint)


def test_a_model_that_another_command_has_imported_is_taken_from_the_cache(
    publish: Publish, owner: Owner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = obtain(publish())
    owner.files.clear()
    assert main(["import", SHORT, "--out", str(tmp_path / "model")]) == 0
    said = capsys.readouterr().out
    assert f"taken from the cache: {kept}" in said and LICENCE in said
    for file in ("config.json", "labels.json", "model.safetensors", "README.md"):
        assert (tmp_path / "model" / file).read_bytes() == (kept / file).read_bytes()


def test_a_family_that_the_file_is_not_of_is_refused(
    publish: Publish, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish()
    assert main(["import", SHORT, "--from", "semseg", "--out", str(tmp_path / "model")]) == 2
    assert "not semseg" in capsys.readouterr().err and not (tmp_path / "model").exists()


def test_a_hub_id_is_imported_with_the_names_and_settings_that_are_given(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_smp_folder(tmp_path / "theirs")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", Snapshots(tmp_path / "theirs", tmp_path / "fetched"))
    classes = [f"kind {index}" for index in range(6)]
    (tmp_path / "classes.json").write_text(json.dumps({"names": classes}))
    command = ["import", "smp-hub/some-upernet", "--labels", str(tmp_path / "classes.json"), "--protocol.name", "whole"]
    assert main([*command, "--out", str(tmp_path / "model")]) == 0
    model = load_model(tmp_path / "model")
    assert model.config.name == "some-upernet" and list(model.labels.names) == classes
    assert model.config.protocol.name == "whole"
    assert not (own_cache / "imported").exists(), "it is kept once"


def test_a_hub_id_of_a_model_of_sceneparse_is_copied_into_a_folder_in_which_temperatures_are_kept(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", Snapshots(saved, tmp_path / "fetched"))
    monkeypatch.setattr("sceneparse.weights.finding.refuse_unreachable", lambda _: None)
    with pytest.raises(UserError) as refused:
        folder_to_calibrate("user/name")
    (command,) = re.findall(r"'sceneparse (.*)'", str(refused.value))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "MODEL").mkdir()
    assert main(shlex.split(command)) == 0
    assert "a model of sceneparse already, copied from the hub's cache" in capsys.readouterr().out
    for file in ("config.json", "labels.json", "model.safetensors", "README.md"):
        assert (tmp_path / "MODEL" / file).read_bytes() == (saved / file).read_bytes()
    assert folder_to_calibrate("MODEL") == Path("MODEL")
    keep_temperatures(Path("MODEL"), Temperatures(object=2.0))
    assert load_model("MODEL").config.temperatures.object == 2


def test_a_model_of_sceneparse_is_not_given_other_settings_and_is_checked(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", Snapshots(saved, tmp_path / "fetched"))
    command = ["import", "user/name", "--out", str(tmp_path / "out")]
    assert main([*command, "--network.align_corners", "true"]) == 2
    assert "is a model of sceneparse already, with classes and settings of its own" in capsys.readouterr().err
    weights = saved / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    assert main(command) == 2
    assert "damaged or cut short" in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("upernet-convnext-teeny-ade20k", "no such checkpoint (near: upernet-convnext-tiny-ade20k"),
        ("pspnet-resnet50-ade20k", "6 published checkpoints are a pspnet-resnet50-ade20k: name one of"),
        ("models/absent.pth", "models/absent.pth: no such checkpoint; give a file"),
        ("unet-s5-d16_fcn_4xb4-40k_drive-64x64", "its backbone, UNet-S5-D16, cannot be imported"),
    ],
)
def test_what_there_is_not_is_said_in_a_line(
    source: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", source, "--out", str(tmp_path / "out")]) == 2
    assert line in " ".join(capsys.readouterr().err.split())
