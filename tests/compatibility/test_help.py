"""What every verb says to --help: what it said before, but for what the changelog names."""

import difflib
from pathlib import Path

import pytest

from tests.compatibility.stored import STORED, run

CHANGED: dict[str, tuple[str, ...]] = {}
"""By verb ("data list", or "sceneparse" for the list of all) the lines that differ, each with "-" (gone) or "+" (new)
before it and without the blanks at its ends. Each belongs to a line of CHANGELOG.md."""

FILES = sorted((STORED / "help").glob("*.txt"))


def verb_of(path: Path) -> str:
    return path.stem.replace("data-", "data ", 1)


@pytest.mark.parametrize("path", FILES, ids=verb_of)
def test_help_differs_only_where_the_changelog_says_so(path: Path, tmp_path: Path) -> None:
    verb = verb_of(path)
    words = [] if verb == "sceneparse" else verb.split()
    before, now = path.read_text(encoding="utf-8"), run(*words, "--help", cache=tmp_path)
    # Python's releases break lines at other places; what they say is compared then.
    if before.split() == now.split():
        assert verb not in CHANGED, f"nothing differs in the help of '{verb}': take it out of CHANGED"
        return
    lines = difflib.ndiff(before.splitlines(), now.splitlines())
    differ = [f"{line[0]} {line[2:].strip()}" for line in lines if line[0] in "+-" and line[2:].strip()]
    assert differ == [f"{line[0]} {line[1:].strip()}" for line in CHANGED.get(verb, ())]


def test_every_changed_verb_is_one_whose_help_was_kept() -> None:
    assert set(CHANGED) <= {verb_of(path) for path in FILES}
