"""Checks before a release that the tag, the version, the changelog and the citation agree.

python .github/check_release.py v0.1.0
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def version() -> str:
    """Return the version that src/sceneparse/version.py states."""
    text = (ROOT / "src" / "sceneparse" / "version.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.M)
    if found is None:
        sys.exit('src/sceneparse/version.py has no line such as: __version__ = "1.2.3"')
    return found[1]


def fault(tag: str) -> str | None:
    """Return what forbids a release under a tag, or None."""
    stated = version()
    if tag != f"v{stated}":
        return f"the tag is {tag}, but src/sceneparse/version.py says {stated}: the tag must be v{stated}"
    dated = re.search(rf"^## {re.escape(stated)} - (\d{{4}}-\d\d-\d\d)$", _text("CHANGELOG.md"), re.M)
    if dated is None:
        return f"CHANGELOG.md has no section such as '## {stated} - 2026-01-31'"
    for line in (f"version: {stated}", f"date-released: {dated[1]}"):
        if line not in _text("CITATION.cff").splitlines():
            return f"CITATION.cff has no line '{line}'"
    return None


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python .github/check_release.py TAG, such as v0.1.0")
    sys.exit(fault(sys.argv[1]))
