"""Tables that other packages add to: what is wrong with an entry stops what asks for it, and nothing else."""

from pathlib import Path

import pytest

from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.evaluation.figures import FIGURES
from sceneparse.parsing.artefacts.choice import default_artefacts
from sceneparse.parsing.artefacts.table import ARTEFACTS
from tests.support.outside import install

BROKEN = "import no_such_module_of_theirs\n"


@pytest.mark.parametrize(
    ("code", "reason"),
    [(BROKEN, "cannot be imported: ModuleNotFoundError"), ("ENTRY = 3\n", "is of type int, but must be a Figure")],
)
def test_a_broken_entry_is_named_and_left_out_where_all_are_gone_over(
    code: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, monkeypatch, package="outside_broken", group="figures", entries={"broken": "ENTRY"}, code=code)
    assert "broken" not in dict(FIGURES.usable())
    warning = capsys.readouterr().err
    assert warning.startswith("warning: outside_broken") and reason in warning and "mend or uninstall" in warning
    dict(FIGURES.usable())
    assert capsys.readouterr().err == ""  # it is said once
    with pytest.raises(UserError, match=reason):
        FIGURES["broken"]


def test_pictures_are_written_although_another_packages_form_of_output_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = default_artefacts(())
    install(
        tmp_path, monkeypatch, package="outside_broken", group="artefacts", entries={"broken": "ENTRY"}, code=BROKEN
    )
    assert default_artefacts(()) == usual
    assert "outside_broken" in capsys.readouterr().err


def test_kinds_of_data_are_listed_although_one_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, monkeypatch, package="outside_broken", group="datasets", entries={"broken": "ENTRY"}, code=BROKEN)
    assert main(["data", "list"]) == 0
    shown = capsys.readouterr()
    assert "cityscapes" in shown.out and "outside_broken" in shown.err


def test_a_name_of_ours_stays_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(
        tmp_path, monkeypatch, package="outside_overlay", group="artefacts", entries={"overlay": "ENTRY"}, code=BROKEN
    )
    assert "outside_overlay: its entry point 'overlay'" in (warning := capsys.readouterr().err)
    assert "is left out, since sceneparse has one of this name" in warning
    assert ARTEFACTS["overlay"].suffix == "_overlay.jpg"
    assert list(ARTEFACTS).count("overlay") == 1


def test_two_packages_of_one_name_are_refused_when_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "from sceneparse.parsing.artefacts.drawings import OVERLAY as ENTRY\n"
    install(
        tmp_path / "one", monkeypatch, package="outside_twice", group="artefacts", entries={"twice": "ENTRY"}, code=code
    )
    second = tmp_path / "two" / "other-1.0.dist-info"
    second.mkdir(parents=True)
    (second / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (second / "entry_points.txt").write_text("[sceneparse.artefacts]\ntwice = other:ENTRY\n")
    monkeypatch.syspath_prepend(str(tmp_path / "two"))
    monkeypatch.setitem(ARTEFACTS.__dict__, "_added", type(ARTEFACTS)._added.func(ARTEFACTS))  # type: ignore[attr-defined]
    with pytest.raises(UserError, match=r"'twice' is an entry of other and outside_twice; uninstall all but one"):
        ARTEFACTS["twice"]
