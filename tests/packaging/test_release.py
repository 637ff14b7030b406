"""The version stands in one file, and what is released agrees with it."""

import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import sceneparse
from sceneparse.cli import main
from sceneparse.version import __version__

ROOT = Path(__file__).resolve().parents[2]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def citation() -> dict[str, object]:
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


@pytest.fixture
def checking(tmp_path: Path) -> ModuleType:
    """The check of the release workflow, on a copy of the files that it reads."""
    for name in ("CHANGELOG.md", "CITATION.cff", "src/sceneparse/version.py", ".github/check_release.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    spec = importlib.util.spec_from_file_location("check_release", tmp_path / ".github" / "check_release.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_version_is_written_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" not in project["project"] and "version" in project["project"]["dynamic"]
    source = Path(project["tool"]["hatch"]["version"]["path"])
    assert (ROOT / source).is_file()
    for path in (ROOT / "src").rglob("*.py"):
        if path != ROOT / source:
            assert not re.search(r"^__version__ *=", path.read_text(encoding="utf-8"), re.M), path


def test_package_command_and_citation_say_the_same_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", __version__)
    assert sceneparse.__version__ == __version__
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"sceneparse {__version__}\n"
    assert str(citation()["version"]) == __version__


def test_what_is_built_has_the_version() -> None:
    hatchling = pytest.importorskip("hatchling.metadata.core", reason="hatchling is not installed")
    plugins = pytest.importorskip("hatchling.plugin.manager")
    assert hatchling.ProjectMetadata(str(ROOT), plugins.PluginManager()).version == __version__


def test_what_is_installed_is_this_version() -> None:
    installed = metadata.version("sceneparse")
    if installed != __version__:
        pytest.skip(f"the environment was made for {installed}: pip install -e .")
    done = subprocess.run([sys.executable, "-m", "sceneparse.cli", "--version"], capture_output=True, text=True)
    assert done.stdout == f"sceneparse {__version__}\n"


def test_the_changelog_has_a_dated_section_for_each_version_the_newest_first() -> None:
    heads = re.findall(r"^## (.*)$", CHANGELOG, re.M)
    assert heads[0] == "Unreleased"
    found = [re.fullmatch(r"(\d+)\.(\d+)\.(\d+) - (\d{4}-\d\d-\d\d)", head) for head in heads[1:]]
    assert found and all(found), heads
    versions = [tuple(map(int, one.groups()[:3])) for one in found if one]
    dates = [one[4] for one in found if one]
    assert versions == sorted(versions, reverse=True) and dates == sorted(dates, reverse=True)
    assert set(re.findall(r"^### (.*)$", CHANGELOG, re.M)) <= {
        "Added",
        "Changed",
        "Deprecated",
        "Removed",
        "Fixed",
        "Security",
    }


def test_both_papers_are_cited_with_what_finds_them() -> None:
    references = citation()["references"]
    assert isinstance(references, list)
    found = {one["title"]: (one["year"], one["identifiers"][0]["value"]) for one in references}
    assert found == {
        "Pyramid Scene Parsing Network": (2017, "arXiv:1612.01105"),
        "Unified Perceptual Parsing for Scene Understanding": (2018, "arXiv:1807.10221"),
    }
    assert all(one["doi"].startswith("10.") and one["authors"] for one in references)


def test_a_tag_that_is_the_version_may_be_released(checking: ModuleType) -> None:
    assert checking.fault(f"v{__version__}") is None


def test_a_tag_of_another_version_is_refused(checking: ModuleType) -> None:
    assert f"must be v{__version__}" in checking.fault("v99.0.0")
    assert f"must be v{__version__}" in checking.fault(__version__)


@pytest.mark.parametrize(
    ("name", "before", "after", "fault"),
    [
        ("CHANGELOG.md", f"## {__version__} - ", "## 0.0.9 - ", "CHANGELOG.md has no section"),
        ("CITATION.cff", f"version: {__version__}", "version: 0.0.9", "CITATION.cff has no line 'version"),
        ("CITATION.cff", "date-released: 20", "date-released: 19", "CITATION.cff has no line 'date-released"),
    ],
)
def test_a_release_whose_papers_disagree_is_refused(
    checking: ModuleType, tmp_path: Path, name: str, before: str, after: str, fault: str
) -> None:
    path = tmp_path / name
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    assert fault in checking.fault(f"v{__version__}")
