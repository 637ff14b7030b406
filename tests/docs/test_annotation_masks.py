"""Each command in docs/annotation_masks.md finds an export of its section's tool ready to train on."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from sceneparse.cli import main
from sceneparse.datasets.kinds import KINDS
from tests.support import mask_exports as made

PAGE = Path(__file__).resolve().parents[2] / "docs" / "annotation_masks.md"
WRITERS: dict[str, Callable[[Path], None]] = {
    "Masks that annotation tools export": made.cvat,
    "CVAT": made.cvat,
    "Datumaro": made.datumaro,
    "CamVid's form": made.camvid_form,
    "Cityscapes' form": made.cityscapes_form,
    "KITTI's form": made.kitti_form,
    "Roboflow": made.roboflow,
    "Mapillary Vistas": made.vistas,
    "BDD100K": made.bdd100k,
    "KITTI": made.kitti,
}


def commands() -> list[tuple[str, str]]:
    """The commands of the page, each with its section."""
    found, section = [], ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            section = line.lstrip("# ")
        elif line.startswith("    sceneparse "):
            found.append((section, line.strip()))
    return found


def test_every_section_has_a_command() -> None:
    assert {section for section, _ in commands()} == set(WRITERS)


@pytest.mark.parametrize(("section", "command"), commands())
def test_a_command_finds_the_export_ready(
    section: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "export").mkdir()
    WRITERS[section](tmp_path / "export")
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(command)[1:]) == 0


def test_the_table_names_kinds_that_there_are() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    kinds = [kind for row in rows[1:] for kind in re.findall(r"`(\w+)`", row.rsplit("|", 2)[1])]
    assert len(kinds) > 10 and set(kinds) <= set(KINDS)
