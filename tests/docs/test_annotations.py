"""The commands of docs/annotations.md run on exports of each tool, and all kinds of tools are on the page."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from PIL import Image

from sceneparse.cli import main
from sceneparse.datasets.kinds import KINDS
from tests.datasets.annotations import test_coco, test_coco_panoptic

PAGE = Path(__file__).resolve().parents[2] / "docs" / "annotations.md"
EXPORTS = Path(__file__).resolve().parents[1] / "datasets" / "annotations" / "exports"
SNIPPETS = dict(re.findall(r"^```bash (\w+)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S))


def put(kind: str, folder: Path) -> None:
    """Put an export of a kind into a folder."""
    if kind == "coco":
        pytest.importorskip("pycocotools", reason="pycocotools is not installed")
        drawn = (test_coco.SQUARE, 1), ([[3, 3, 6, 3, 6, 6, 3, 6]], 7)
        rows = [test_coco.row(shape, category, number) for number in (5, 3) for shape, category in drawn]
        test_coco.write(folder, "result.json", [{**row, "id": number} for number, row in enumerate(rows)])
    elif kind == "coco_panoptic":
        for split in ("train", "val"):
            test_coco_panoptic.write(folder, f"panoptic_{split}2017")
        (folder / "val2017").mkdir()
        for name in ("000001", "000002"):
            Image.new("RGB", test_coco_panoptic.SIZE[::-1], (200, 9, int(name))).save(folder / f"val2017/{name}.jpg")
    else:
        shutil.copytree(EXPORTS / kind, folder)


@pytest.mark.parametrize("kind", SNIPPETS)
def test_the_commands_of_each_tool_find_its_export_ready(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for line in SNIPPETS[kind].splitlines():
        words = shlex.split(line)[1:]
        if not Path(words[2]).exists():
            put(kind, Path(words[2]))
        assert main(words) == 0, capsys.readouterr()
        assert "ready to train on" in capsys.readouterr().out


def test_every_tool_has_its_snippet_and_its_row() -> None:
    own = {name for name, kind in KINDS.items() if kind.open.__module__.startswith("sceneparse.datasets.annotations.")}
    assert own == set(SNIPPETS)
    rows = re.findall(r"^\|.*\[`(\w+)`\]\(#.*\|$", PAGE.read_text(encoding="utf-8"), re.M)
    assert set(rows) == own
