"""Artefacts of large pictures are written side by side, to the same files."""

import threading
from pathlib import Path

import numpy as np
import pytest

from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.parsing.artefacts import writing
from sceneparse.parsing.artefacts.artefact import Artefact
from sceneparse.parsing.artefacts.table import ARTEFACTS
from tests.support.brightest import brightest_parser

PARSE = brightest_parser(labels=LabelSpace(("a", "b", "c")))(
    np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_side_by_side_the_files_are_those_of_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PARSE.save(tmp_path / "one", "photo", write=["labels", "overlay", "confidence"])
    monkeypatch.setattr(writing, "LARGE", 1)
    PARSE.save(tmp_path / "two", "photo", write=["labels", "overlay", "confidence"])
    assert contents(tmp_path / "one") == contents(tmp_path / "two") and len(contents(tmp_path / "two")) == 4


def test_of_a_large_picture_two_are_written_at_a_time_and_a_mistake_leaves_no_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(2, timeout=30)

    def meeting(_: object) -> str:
        together.wait()
        return "met"

    def refusing(_: object) -> str:
        together.wait()
        raise UserError("it has no centre")

    for name, make in (("one", meeting), ("other", meeting), ("refusing", refusing)):
        artefact = Artefact(name, f"_{name}.txt", make)
        monkeypatch.setitem(ARTEFACTS._loaded, name, artefact)
    monkeypatch.setattr(writing, "LARGE", 1)
    assert writing.write_artefacts(PARSE, ["one", "other"], tmp_path, "p") == {
        "one": "p_one.txt",
        "other": "p_other.txt",
    }
    monkeypatch.setattr("sceneparse.parsing.parse.picture_artefacts", lambda *_, **__: ("refusing", "one"))
    with pytest.raises(UserError, match="it has no centre"):
        PARSE.save(tmp_path / "out", "p")
    # Beside what is there a hidden file says whose it is: the next parse of that name may take its place.
    assert [path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")] == ["p_one.txt"]
    monkeypatch.setattr("sceneparse.parsing.parse.picture_artefacts", lambda *_, **__: ("one", "other"))
    PARSE.save(tmp_path / "out", "p")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"p.json", "p_one.txt", "p_other.txt"}
