from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.weights.config import FILES
from sceneparse.weights.hub import push_to_hub
from sceneparse.weights.model import load_model


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
    assert asked["repo_id"] == "user/name" and sorted(asked["allow_patterns"]) == sorted(FILES)


def test_an_unreachable_hub_id_is_named_as_a_folder_and_as_an_id(monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot_download(*_: Any, **__: Any) -> str:
        raise ConnectionError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    with pytest.raises(UserError, match=r"no folder runs/model, and the hub .* \(no network\)"):
        load_model("runs/model")
