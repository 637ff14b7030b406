import re
import socket
import time
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import load_file

from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.weights import reaching
from sceneparse.weights.config import FILES
from sceneparse.weights.finding import refuse_missing
from sceneparse.weights.hub import fetch_from_hub, push_to_hub
from sceneparse.weights.model import load_model
from tests.support.hub import Snapshots
from tests.support.smp_folder import write_smp_folder


class FakeHub:
    """What `huggingface_hub.HfApi` is asked to do."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, token: str | None = None) -> "FakeHub":
        self.calls.append(("login", {"token": token}))
        return self

    def create_repo(self, repo_id: str, **options: Any) -> str:
        self.calls.append(("create", {"repo_id": repo_id, **options}))
        return f"https://huggingface.co/{repo_id}"

    def upload_folder(self, **options: Any) -> None:
        self.calls.append(("upload", options))


def test_pushing_makes_the_repository_and_uploads_the_four_files(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = FakeHub()
    monkeypatch.setattr(huggingface_hub, "HfApi", hub)
    (saved / "model.onnx").write_bytes(b"exported")
    assert push_to_hub(saved, "user/name", private=True, token="key") == "https://huggingface.co/user/name"
    (_, login), (_, create), (_, upload) = hub.calls
    assert login == {"token": "key"}
    assert create == {"repo_id": "user/name", "private": True, "exist_ok": True}
    assert upload["repo_id"] == "user/name" and upload["folder_path"] == saved
    assert sorted(upload["allow_patterns"]) == sorted(FILES)


def test_what_the_hub_refuses_becomes_one_line(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(FakeHub):
        def upload_folder(self, **_: Any) -> None:
            raise PermissionError("403 Forbidden\nlong\nstory")

    monkeypatch.setattr(huggingface_hub, "HfApi", Refusing())
    with pytest.raises(UserError, match="user/name: the hub did not take the model") as caught:
        push_to_hub(saved, "user/name")
    assert "\n" not in str(caught.value)


def test_only_a_whole_model_folder_is_pushed(saved: Path) -> None:
    with pytest.raises(UserError, match="is not a hub id"):
        push_to_hub(saved, "name")
    (saved / "labels.json").unlink()
    with pytest.raises(UserError, match=r"no labels\.json in it"):
        push_to_hub(saved, "user/name")


def test_a_hub_id_is_fetched_and_loaded(saved: Path, monkeypatch: pytest.MonkeyPatch, labels: LabelSpace) -> None:
    asked: dict[str, Any] = {}

    def snapshot_download(repo_id: str, **options: Any) -> str:
        asked.update(options, repo_id=repo_id)
        return str(saved)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert load_model("user/name").labels == labels
    assert asked["repo_id"] == "user/name" and set(FILES) < set(asked["allow_patterns"])
    assert not any(pattern.endswith(".bin") for pattern in asked["allow_patterns"]), "the hub has safe weights"


def test_a_repository_of_another_library_is_fetched_with_what_stands_beside_its_weights_and_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = write_smp_folder(tmp_path / "theirs", shards=2)
    (theirs / "albumentations_config_eval.json").write_text('{"transform": {"transforms": []}}')
    (theirs / "training_args.bin").write_bytes(b"not for us")
    fetch = Snapshots(theirs, tmp_path / "snapshot")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    monkeypatch.setenv("SCENEPARSE_CACHE", str(tmp_path / "cache"))
    assert load_model("smp-hub/upernet-convnext-tiny").config.name == "upernet-convnext-tiny"
    assert "smp-hub/upernet-convnext-tiny: licence of the weights: not stated; trained on ADE20K" in (
        " ".join(capsys.readouterr().err.split())
    )
    assert {path.name for path in fetch.into.iterdir()} == {
        path.name for path in theirs.iterdir() if path.name != "training_args.bin"
    }
    load_model("smp-hub/upernet-convnext-tiny")
    assert "licence" not in capsys.readouterr().err, "it is shown once"


def test_weights_of_older_versions_are_fetched_only_where_there_are_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaching, "reachable", lambda _: True)
    theirs = write_smp_folder(tmp_path / "theirs")
    torch.save(load_file(theirs / "model.safetensors"), theirs / "pytorch_model.bin")
    (theirs / "model.safetensors").unlink()
    fetch = Snapshots(theirs, tmp_path / "snapshot")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    monkeypatch.setenv("SCENEPARSE_CACHE", str(tmp_path / "cache"))
    assert load_model("user/old").config.network.architecture == "upernet"
    assert len(fetch.asked) == 2
    (theirs / "pytorch_model.bin").unlink()
    (fetch.into / "pytorch_model.bin").unlink()
    with pytest.raises(UserError, match=r"user/none: .* holds neither model\.safetensors nor pytorch_model\.bin"):
        load_model("user/none")


def test_what_may_lack_of_a_half_fetched_repository_is_said_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = write_smp_folder(tmp_path / "theirs")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", Snapshots(theirs, tmp_path / "snapshot"))
    monkeypatch.setattr(reaching, "reachable", lambda _: False)
    fetch_from_hub("user/half")
    said = capsys.readouterr().err
    assert "user/half: no network: huggingface.co cannot be reached, so what was fetched before is taken" in said
    assert "preprocessor_config.json or albumentations_config_eval.json is not among it" in said
    (tmp_path / "snapshot" / "albumentations_config_eval.json").write_text("{}")
    fetch_from_hub("user/half")
    monkeypatch.setattr(reaching, "reachable", lambda _: True)
    (tmp_path / "snapshot" / "albumentations_config_eval.json").unlink()
    fetch_from_hub("user/half")
    assert capsys.readouterr().err == ""
    # Nothing is said of a repository that nobody has looked at.
    (theirs / "model.safetensors").unlink()
    (tmp_path / "snapshot" / "model.safetensors").unlink()
    monkeypatch.setattr(reaching, "reachable", lambda _: False)
    with pytest.raises(UserError, match=r"cannot be reached, and what was fetched of it has no weights\)") as caught:
        fetch_from_hub("user/half")
    assert "holds neither" not in str(caught.value)


def test_an_unreachable_hub_id_is_named_as_a_folder_and_as_an_id(monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot_download(*_: Any, **__: Any) -> str:
        raise LocalEntryNotFoundError("An error happened while trying to locate the files, and much more")

    monkeypatch.setattr(reaching, "reachable", lambda _: True)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    with pytest.raises(UserError, match=r"no folder user/model, and the hub .* \(it cannot be reached: no network\)"):
        load_model("user/model")
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda *_, **__: (_ for _ in ()).throw(ValueError("x" * 300))
    )
    with pytest.raises(UserError, match=r"of that id \(x{200} …\); check the name"):
        load_model("user/model")


def test_without_a_network_the_hub_s_cache_is_looked_at_and_nothing_is_waited_for(
    saved: Path, monkeypatch: pytest.MonkeyPatch, labels: LabelSpace
) -> None:
    def snapshot_download(repo_id: str, **_: Any) -> str:
        assert huggingface_hub.constants.HF_HUB_OFFLINE
        if repo_id == "user/here":
            return str(saved)
        raise LocalEntryNotFoundError("not in the cache")

    before = huggingface_hub.constants.HF_HUB_OFFLINE
    monkeypatch.setattr(reaching, "reachable", lambda _: False)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert load_model("user/here").labels == labels
    with pytest.raises(UserError, match=r"no folder user/away, .* \(no network: huggingface.co cannot be reached\)"):
        load_model("user/away")
    assert before == huggingface_hub.constants.HF_HUB_OFFLINE
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(saved.parent))
    with pytest.raises(UserError, match=r"no folder user/away, .* cannot be reached"):
        refuse_missing("user/away")
    (saved.parent / "models--user--away").mkdir()
    refuse_missing("user/away")


def test_a_server_that_is_not_there_is_given_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert reaching.reachable(f"http://127.0.0.1:{port}/models")
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        assert reaching.reachable("https://nowhere.invalid"), "a proxy is what is asked"
        monkeypatch.delenv("https_proxy")
    assert not reaching.reachable(f"http://127.0.0.1:{port}/models")

    def slow(*_: object, **__: object) -> None:
        time.sleep(0.3)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", slow)
    assert not reaching.reachable("https://slow.invalid", within=0.05)


@pytest.mark.parametrize(
    ("source", "near"),
    [
        ("./runs/mine/modle", r" \(near: runs/mine/model\)"),
        ("runs/mien/model", r" \(near: runs/mine/model\)"),
        ("runs/x", r" \(runs has mine, other\)"),
        ("runs/mine/model/further/down", r" \(runs/mine/model has no folder in it\)"),
        ("old/base", r" \(near: old/bases\)"),
        ("a/b/c", ""),
        ("C:\\models\\mine", ""),
        ("~/none", ""),
        ("net.pth", ""),
        ("user/net.safetensors", ""),
        (f"{'x' * 300}/a/b", ""),
    ],
)
def test_what_is_meant_as_a_path_is_not_asked_for_at_the_hub(
    source: str, near: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("runs/mine/model", "runs/other", "old/bases", "home"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: pytest.fail("the hub was asked"))
    line = rf"^no model folder {re.escape(source)}{near or '.*'}; give a folder with config.json[^\n]*$"
    with pytest.raises(UserError, match=line):
        load_model(source)
