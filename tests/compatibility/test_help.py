"""What every verb says to --help: what commit 634fde6 said, but for the differences that stand in `help/`.

Each difference belongs to a line of CHANGELOG.md. Whoever changes a help text writes the files anew, reads what `git
diff` shows of them, and says it in the changelog:

    python -m tests.compatibility.test_help
"""

import contextlib
import difflib
import io
from pathlib import Path
from unittest import mock

import pytest

from sceneparse.cli import main
from tests.compatibility.stored import STORED

FILES = sorted((STORED / "help").glob("*.txt"))
CHANGES = Path(__file__).parent / "help"
"""By verb the lines that differ, each with "-" (gone) or "+" (new) before it and without the blanks at its ends."""


def verb_of(path: Path) -> str:
    """The verb ("data list", or "sceneparse" for the list of all) whose help a file keeps."""
    return path.stem.replace("data-", "data ", 1)


def help_of(verb: str) -> str:
    """What a verb says to --help in a terminal of 100 columns, by the function that the program calls."""
    words = [] if verb == "sceneparse" else verb.split()
    printed = io.StringIO()
    code: int | str | None
    with (
        mock.patch.dict("os.environ", {"COLUMNS": "100", "NO_COLOR": "1"}),
        contextlib.chdir(STORED),
        contextlib.redirect_stdout(printed),
    ):
        try:
            code = main([*words, "--help"])
        except SystemExit as end:
            code = end.code
    assert code == 0, printed.getvalue()
    return printed.getvalue()


def differences(path: Path) -> str:
    """The lines that a verb's help says otherwise now than in a stored file."""
    before, now = path.read_text(encoding="utf-8"), help_of(verb_of(path))
    # Python's releases break lines at other places; what they say is compared then.
    if before.split() == now.split():
        return ""
    lines = difflib.ndiff(before.splitlines(), now.splitlines())
    return "".join(f"{line[0]} {line[2:].strip()}\n" for line in lines if line[0] in "+-" and line[2:].strip())


def known(path: Path) -> Path:
    """The file of a verb's known differences; there is none where nothing differs."""
    return CHANGES / f"{path.stem}.diff"


@pytest.mark.parametrize("path", FILES, ids=verb_of)
def test_help_differs_only_where_the_changelog_says_so(path: Path) -> None:
    expected = known(path).read_text(encoding="utf-8") if known(path).is_file() else ""
    assert differences(path) == expected


def test_every_known_difference_is_one_of_a_help_that_was_kept() -> None:
    assert {path.stem for path in CHANGES.glob("*.diff")} <= {path.stem for path in FILES}


if __name__ == "__main__":
    CHANGES.mkdir(exist_ok=True)
    for path in FILES:
        known(path).unlink(missing_ok=True)
        if found := differences(path):
            known(path).write_text(found, encoding="utf-8")
