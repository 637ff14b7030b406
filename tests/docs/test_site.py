"""The site is built without a warning, whole, and fetches nothing from elsewhere."""

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
pytest.importorskip("material", reason="mkdocs-material is not installed: pip install -e '.[docs]'")
pytest.importorskip("mkdocstrings")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_built_and_stands_in_the_menu(site: Path) -> None:
    menu = (site / "index.html").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / page.with_suffix(".html").name).is_file()
        assert f'href="{page.with_suffix(".html").name}"' in menu, page
    assert not (site / "hooks.py").exists()
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


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_docs_builds_it_strictly() -> None:
    done = subprocess.run(["make", "-n", "docs"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "mkdocs build --quiet --strict" in done.stdout
