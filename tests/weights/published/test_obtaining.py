"""A published checkpoint is fetched, checked, imported and kept; a server on this machine stands for its owner's."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.weights.model import load_model
from sceneparse.weights.published.catalogue import File, find_published
from sceneparse.weights.published.obtaining import obtain
from tests.support.catalogue import NAME, SHORT, Publish
from tests.support.mmseg_file import CLASSES
from tests.support.owner import Owner

DEAD = "http://127.0.0.1:9/mirror/pspnet.pth"
"""An address at which nobody listens."""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())


def test_a_picture_is_parsed_by_a_published_name_which_is_fetched_once(
    publish: Publish, owner: Owner, checkpoint: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = publish(checksum=f"sha256:{sha256(checkpoint)[:8]}")
    Image.new("RGB", (64, 48), (90, 120, 60)).save(tmp_path / "photo.jpg")
    command = ["predict", SHORT, str(tmp_path / "photo.jpg"), "--engine", "torch", "--out"]
    assert main([*command, str(tmp_path / "first")]) == 0
    told = said(capsys)
    assert "licence of the weights: Apache-2.0; trained on Cityscapes (its terms: the owner's terms: non-c" in told
    assert f"sha256 {sha256(checkpoint)}, which begins with the 8 digits in its name" in told
    assert (tmp_path / "first" / "photo.png").is_file()
    model = load_model(NAME)
    assert model.labels.names == CLASSES and model.config.name == SHORT
    assert "Licence of the weights: Apache-2.0; trained on Cityscapes" in (one.folder / "model/README.md").read_text()
    assert sorted(path.name for path in one.folder.iterdir() if path.name != ".lock") == ["fetched.json", "model"]
    assert main([*command, str(tmp_path / "second")]) == 0
    assert "licence" not in said(capsys), "it is shown once"
    assert owner.asked == [None]


def test_a_broken_connection_is_gone_on_with(publish: Publish, owner: Owner) -> None:
    one = publish()
    owner.breaks_after = [10_000_000, 20_000_000]
    obtain(one)
    assert owner.asked == [None, "bytes=10000000-", "bytes=30000000-"]


def test_a_file_without_a_known_checksum_is_compared_with_its_first_fetch(
    publish: Publish, owner: Owner, checkpoint: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    one = publish()
    model = obtain(one)
    assert "publishes no checksum of it, so that it was compared with nothing" in said(capsys)
    assert json.loads((one.folder / "fetched.json").read_text())["pspnet.pth"]["sha256"] == sha256(checkpoint)
    shutil.rmtree(model)
    obtain(one)
    assert "the same as on" in said(capsys)
    shutil.rmtree(model)
    owner.files["pspnet.pth"] = checkpoint[:-1] + b"x"
    with pytest.raises(UserError, match=r"another file than the one that was first fetched on .* delete .*fetched"):
        obtain(one)
    assert not model.exists() and not (one.folder / "pspnet.pth").exists()


def test_a_wrong_hash_is_refused_and_a_mirror_with_the_right_file_taken(
    publish: Publish, owner: Owner, checkpoint: bytes
) -> None:
    right = f"sha256:{sha256(checkpoint)[:8]}"
    one = publish(checksum=right)
    owner.files["pspnet.pth"] = bytes(1000)
    with pytest.raises(UserError, match=rf"{NAME}: http.*its sha256 is \w+, but should begin with {right[7:]}"):
        obtain(one)
    assert list(one.folder.glob("*.pth*")) == []
    owner.files["mirror/pspnet.pth"] = checkpoint
    one = replace(one, files=(File((*one.files[0].urls, f"{owner.url}/mirror/pspnet.pth"), right),))
    assert load_model(obtain(one)).labels.names == CLASSES


def test_a_file_that_moved_is_followed_and_one_that_is_gone_comes_from_the_mirror(
    publish: Publish, owner: Owner, checkpoint: bytes
) -> None:
    one = publish()
    owner.moved["pspnet.pth"] = f"{owner.url}/new/pspnet.pth"
    owner.files["new/pspnet.pth"] = checkpoint
    shutil.rmtree(obtain(one))
    del owner.moved["pspnet.pth"], owner.files["pspnet.pth"]
    with pytest.raises(UserError, match=r"is missing and cannot be fetched: .*the server says 404"):
        obtain(one)
    owner.files["mirror/pspnet.pth"] = checkpoint
    one = replace(one, files=(File((*one.files[0].urls, f"{owner.url}/mirror/pspnet.pth")),))
    assert (obtain(one) / "config.json").is_file()


def test_without_a_network_one_line_says_what_is_missing_and_where_it_would_be_put(
    publish: Publish, checkpoint: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    one = publish()
    one = replace(one, files=(File(("http://127.0.0.1:9/pspnet.pth", DEAD)),))
    with pytest.raises(UserError) as caught:
        obtain(one)
    line = str(caught.value)
    assert "\n" not in line and "http://127.0.0.1:9/pspnet.pth" in line and DEAD in line
    assert f"{one.folder / 'pspnet.pth'} is missing and cannot be fetched from" in line
    assert "put it there by hand" in line and line.count("no network") + line.count("refused") == 1, "said once"
    assert "bytes are kept" not in line and "licence" not in said(capsys), "the licence of what came, once"
    (one.folder / "pspnet.pth").write_bytes(checkpoint)
    assert (obtain(one) / "model.safetensors").is_file()
    assert (one.folder / "pspnet.pth").is_file(), "what somebody put there stays"


def test_a_wrong_file_that_somebody_put_there_is_named_and_stays(publish: Publish, checkpoint: bytes) -> None:
    one = publish(checksum=f"sha256:{sha256(checkpoint)[:8]}")
    one.folder.mkdir(parents=True)
    (one.folder / "pspnet.pth").write_bytes(b"another")
    with pytest.raises(UserError, match=r"pspnet\.pth: its sha256 is .*it is another file, or damaged") as caught:
        obtain(one)
    assert str(one.folder / "pspnet.pth") in str(caught.value) and "http" not in str(caught.value)
    assert (one.folder / "pspnet.pth").read_bytes() == b"another"


def test_a_file_of_google_drive_is_put_into_the_cache_by_hand(publish: Publish, checkpoint: bytes) -> None:
    one = replace(publish(), files=(File(("https://drive.google.com/open?id=1",)),))
    with pytest.raises(UserError, match=r"lies on Google Drive, .*open\?id=1, put the \.pth file into .*give the same"):
        obtain(one)
    (one.folder / "any_name.pth").write_bytes(checkpoint)
    assert load_model(obtain(one)).config.name == SHORT


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": "150"}, "pspnet on resnet18c with 3 classes, but .* with 150 classes: it is another file"),
        ({"backbone": "ResNet50 (deep stem)"}, r"on resnet18c .*, but .* on ResNet50 \(deep stem\) with 3 classes"),
        ({"architecture": "fcn (c1)"}, r"is pspnet on .*, but .* is fcn \(c1\) on R-18-D8"),
    ],
)
def test_another_checkpoint_that_was_put_there_by_hand_is_refused(
    changes: dict[str, str], words: str, publish: Publish, checkpoint: bytes
) -> None:
    one = replace(publish(), files=(File(("https://drive.google.com/open?id=1",)),), **changes)  # type: ignore[arg-type]
    one.folder.mkdir(parents=True)
    (one.folder / "any_name.pth").write_bytes(checkpoint)
    with pytest.raises(UserError, match=rf"any_name\.pth: .*{words}.*put the right one there"):
        obtain(one)
    assert (one.folder / "any_name.pth").is_file() and not (one.folder / "model").exists()


def test_names_that_there_are_not_are_answered_with_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "upernet-convnext-teeny-ade20k", __file__, "--out", str(tmp_path / "out")]) == 2
    assert "no published checkpoint" not in (line := said(capsys)) and "(near: upernet-convnext-tiny-ade20k" in line
    assert main(["predict", "UPERNET-CONVNEXT-TEENY-ADE20K", __file__, "--out", str(tmp_path / "out")]) == 2
    assert "(near: upernet-convnext-tiny-ade20k" in said(capsys)
    assert main(["predict", "pspnet-resnet50-ade20", __file__, "--out", str(tmp_path / "out")]) == 2
    assert "(near: pspnet-resnet50-ade20k-" in said(capsys)
    assert main(["predict", "pspnet-resnet50-ade20k", __file__, "--out", str(tmp_path / "out")]) == 2
    assert "6 published checkpoints are a pspnet-resnet50-ade20k: name one of" in said(capsys)
    assert find_published("pspnet-resnet50-ade20k") is None
