"""The site is built without a warning, whole, and fetches nothing from elsewhere."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sceneparse import __all__ as public_names
from sceneparse.cli import COMMANDS
from sceneparse.recipes import recipe_names

ROOT = Path(__file__).resolve().parents[2]


def generate(out: Path) -> Path:
    """The pages, as `make docs` writes them before it builds."""
    words = [sys.executable, "docs/generate.py", str(out)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module", params=["mkdocs", "zensical"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site by either builder, from the same pages and the same mkdocs.yml; both are strict."""
    builder = request.param
    needed, extra = {"mkdocs": ("material", "docs"), "zensical": ("zensical", "zensical")}[builder]
    for package in (needed, "mkdocstrings"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install -e '.[{extra}]'")
    folder = tmp_path_factory.mktemp(builder)
    # Beside a copy of the configuration: what the checkout holds of an earlier build stays as it is.
    shutil.copy(ROOT / "mkdocs.yml", folder)
    (folder / "src").symlink_to(ROOT / "src", target_is_directory=True)
    generate(folder / "build" / "docs")
    options = ["--quiet", "--strict"] if builder == "mkdocs" else ["--clean", "--strict"]
    done = subprocess.run(
        [sys.executable, "-m", builder, "build", *options], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


def test_every_page_is_built_and_stands_in_the_menu(site: Path) -> None:
    menu = (site / "index.html").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / page.with_suffix(".html").name).is_file()
        assert f'href="{page.with_suffix(".html").name}"' in menu, page
    assert not list(site.rglob("*.py"))
    service = ROOT / "src" / "sceneparse" / "serving" / "static" / "icon.svg"
    assert (site / "pictures" / "icon.svg").read_bytes() == service.read_bytes()


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for page in site.glob("*.html"):
        text = page.read_text()
        loaded = re.findall(r"<(?:script|img|iframe|source)[^>]* src=\"?([^\s\">]+)", text)
        loaded += re.findall(r"<link[^>]* rel=\"?(?:stylesheet|preconnect|icon|preload)[^>]*href=\"?([^\s\">]+)", text)
        loaded += re.findall(r"<link[^>]* href=\"?([^\s\">]+)[^>]*rel=\"?(?:stylesheet|preconnect|icon|preload)", text)
        assert len(loaded) > 3
        for address in loaded:
            assert not re.match(r"(https?:)?//", address), f"{page.name}: {address}"
            if not address.startswith("data:"):
                assert (site / address.partition("?")[0].lstrip("/")).is_file(), f"{page.name}: {address}"
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()[\"' ]*(https?:)?//", style.read_text()), style


def test_the_page_of_the_commands_has_each_command_recipe_and_setting(site: Path) -> None:
    text = (site / "commands.html").read_text()
    for name in COMMANDS:
        assert f'id="{name.replace(" ", "-")}"' in text and f"sceneparse {name} [-h]" in text
    for name in (*recipe_names(), "training.iterations", "network.bins", "protocol.crf"):
        assert f"<code>{name}</code>" in text
    assert "<!-- " not in text.partition("<article")[2].partition("</article")[0]


def test_the_page_of_python_has_every_public_name(site: Path) -> None:
    text = (site / "api.html").read_text()
    for name in public_names:
        assert re.search(rf'id="sceneparse(\.\w+)*\.{name}"|id="sceneparse\.{name}"', text), name


def test_the_pages_are_plain_before_they_are_built(tmp_path: Path) -> None:
    """Any builder of sites can take them: no mark is left, and no code fence with the tests' own words."""
    out = generate(tmp_path / "docs")
    pages = {path.name: path.read_text(encoding="utf-8") for path in out.glob("*.md")}
    assert set(pages) == {path.name for path in (ROOT / "docs").glob("*.md")}
    for name, text in pages.items():
        assert not re.search(r"^```\w+ [\w ]+$", text, re.M) and "<!-- " not in text, name
    assert "usage: sceneparse train" in pages["commands.md"] and "| `training.iterations` |" in pages["commands.md"]


def test_pages_are_generated_anew_and_nothing_else_is_deleted(tmp_path: Path) -> None:
    out = generate(tmp_path / "docs")
    (out / "gone.md").write_text("a page of an earlier version")
    assert not (generate(out) / "gone.md").exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    for folder in (mine, ROOT / "docs", ROOT):
        done = subprocess.run(
            [sys.executable, "docs/generate.py", str(folder)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        )
        assert done.returncode == 1 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert (mine / "thesis.txt").is_file() and (ROOT / "docs" / "index.md").is_file()


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(
    ("target", "build"),
    [("docs", "mkdocs build --quiet --strict"), ("docs-zensical", "zensical build --clean --strict")],
)
def test_make_generates_the_pages_and_builds_them_strictly(target: str, build: str) -> None:
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True)
    assert 0 < done.stdout.index("docs/generate.py build/docs") < done.stdout.index(build)
