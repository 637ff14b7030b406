"""A file takes its place once it was checked; until then what was there stays."""

import json
from pathlib import Path

import pytest

from sceneparse.errors import UserError
from sceneparse.exporting import command, export
from sceneparse.exporting.placing import placed
from sceneparse.exporting.record import Check, record_of
from sceneparse.weights.model import Model

GOOD, WRONG = Check(97, 161, 1e-6, 1.0), Check(65, 480, 0.5, 0.9, 2)


@pytest.fixture(autouse=True)
def written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Conversion takes no time: the file says "new"."""

    def write(_: Model, path: Path, __: str) -> None:
        path.write_text("new")

    monkeypatch.setattr(command, "export_model", write)


def before(folder: Path) -> dict[str, str]:
    """A file of an earlier export with its record."""
    (folder / "tiny.pt2").write_text("old")
    record_of(folder / "tiny.pt2").write_text("old record")
    return content(folder)


def content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_file_that_agrees_takes_the_place_of_the_old_one(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before(tmp_path)
    monkeypatch.setattr(command, "check_export", lambda *_: [GOOD])
    result = export(tiny_run / "model", format="torch", out=tmp_path / "tiny.pt2", progress=False)
    found = content(tmp_path)
    assert result.path == tmp_path / "tiny.pt2" and set(found) == {"tiny.pt2", "tiny.pt2.json"}
    assert found["tiny.pt2"] == "new"
    assert json.loads(found["tiny.pt2.json"]) == {
        "file": "tiny.pt2",
        "bytes": 3,
        "checks": [{"height": 97, "width": 161, "error": 1e-6, "equal": 1.0, "batch": 1}],
        "accuracy": None,
    }


def test_a_file_that_does_not_agree_is_an_error_and_the_old_one_stays(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = before(tmp_path)
    monkeypatch.setattr(command, "check_export", lambda *_: [GOOD, WRONG])
    path = tmp_path / "tiny.pt2"
    with pytest.raises(UserError) as caught:
        export(tiny_run / "model", format="torch", out=path)
    assert str(caught.value) == (
        f"{tiny_run / 'model'}: its file {path} does not give PyTorch's answers at 2 of 65×480, so it was not kept; "
        "without an export, the other commands run it with PyTorch"
    )
    assert "5.0e-01" in capsys.readouterr().out and content(tmp_path) == old


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_a_check_that_ends_otherwise_leaves_the_old_file_and_nothing_else(
    stop: type[BaseException], tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(*_: object) -> None:
        raise stop

    old = before(tmp_path)
    monkeypatch.setattr(command, "check_export", check)
    with pytest.raises(stop):
        export(tiny_run / "model", format="torch", out=tmp_path / "tiny.pt2", progress=False)
    assert content(tmp_path) == old
    with pytest.raises(stop):
        export(tiny_run / "model", format="torch", out=tmp_path / "new" / "folder" / "tiny.pt2", progress=False)
    assert content(tmp_path) == old


def test_the_weights_of_an_openvino_file_go_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved, replace = [], Path.replace

    def watched(self: Path, to: Path) -> Path:
        moved.append(self.name)
        return replace(self, to)

    monkeypatch.setattr(Path, "replace", watched)
    with placed(tmp_path / "m.xml") as new:
        for path in (new, new.with_suffix(".bin"), record_of(new)):
            path.write_text("new")
        assert list(tmp_path.iterdir()) == [new.parent]
    assert moved == ["m.bin", "m.xml", "m.xml.json"] and set(content(tmp_path)) == set(moved)


def test_formats_with_one_name_have_a_record_each() -> None:
    assert len({record_of(Path("model").with_suffix(suffix)) for suffix in (".onnx", ".xml", ".pt2")}) == 3


@pytest.mark.parametrize(
    ("out", "message"),
    [("folder.pt2", "is a folder; name a file in it"), ("file/m.pt2", r"cannot be written \(Not a directory\)")],
)
def test_a_file_that_cannot_be_put_there_is_refused_before_any_work(
    out: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "find_model", None)
    (tmp_path / "folder.pt2").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=message):
        export("anything", format="torch", out=tmp_path / out, progress=False)
