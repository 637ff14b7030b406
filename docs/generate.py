"""Writes the pages of the site into a folder, the ones made from the program itself included: `make docs` runs it.

    python docs/generate.py build/docs

What comes out is plain Markdown that MkDocs, Zensical or any other builder of sites takes without a plugin of ours.
"""

import os
import re
import shutil
import sys
from pathlib import Path

from sceneparse.cli import COMMANDS, parser_of
from sceneparse.recipes import recipe_names, settings_help
from sceneparse.recipes.reading import read_file
from sceneparse.settings import Recipe

DOCS = Path(__file__).resolve().parent
NOT_PAGES = {".py", ".pyc"}
WIDTH = "80"
"""Characters of a line of help, as many as a screen of 1280 pixels shows between both menus."""

MARK = re.compile(r"<!-- (commands|recipes|settings) -->")
"""Where a page has what is generated."""


def generate(out: Path) -> None:
    """Write the site's pages and pictures into a folder, which is emptied first.

    Args:
        out: The folder. It must be empty, or made by an earlier run: nothing else is deleted.

    Raises:
        SystemExit: The folder holds something else.
    """
    if out.exists() and any(out.iterdir()) and not (out / "index.md").is_file():
        raise SystemExit(f"error: {out} holds something else than pages: name an empty folder")
    if out.resolve() in (DOCS, *DOCS.parents) or DOCS in out.resolve().parents:
        raise SystemExit(f"error: {out} is where the sources of the pages are: name another folder")
    shutil.rmtree(out, ignore_errors=True)
    for source in sorted(path for path in DOCS.rglob("*") if path.is_file() and path.suffix not in NOT_PAGES):
        target = out / source.relative_to(DOCS)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".md":
            target.write_text(page(source.read_text(encoding="utf-8")), encoding="utf-8")
        else:
            shutil.copyfile(source, target)


def page(markdown: str) -> str:
    """Return a page as the site's builder reads it: marks filled in, code fences plain.

    Words behind a code fence's language ("```yaml sweep") are for the tests; a builder would see no code fence there.
    """
    made = {"commands": commands, "recipes": recipes, "settings": settings}
    plain = re.sub(r"^(```\w+) [\w ]+$", r"\1", markdown, flags=re.M)
    return MARK.sub(lambda mark: made[mark[1]](), plain)


def commands() -> str:
    """Return a section a command: its help, as the command line prints it."""
    os.environ["COLUMNS"] = WIDTH
    sections = []
    for name, command in COMMANDS.items():
        summary = f"{command.summary[0].upper()}{command.summary[1:]}."
        # It stands above, where long lines are wrapped.
        text = parser_of(name).format_help().replace(f"\n{summary}\n", "", 1)
        sections.append(f"## {name}\n\n{summary}\n\n```text\n{text}```")
    return "\n\n".join(sections)


def recipes() -> str:
    """Return the table of the package's recipes."""
    rows = [f"| `{name}` | {read_file(name).settings()['description']} |" for name in recipe_names()]
    return "\n".join(["| recipe | |", "|---|---|", *rows])


def settings() -> str:
    """Return a table a group of settings, from the help of `train`."""
    sections = []
    for group in Recipe.__dataclass_fields__:
        rows: list[list[str]] = []
        for line in settings_help([group]).splitlines():
            if line.startswith("  --"):
                option, _, default = line.strip().partition(" ")
                rows.append([f"`{option.removeprefix('--')}`", f"`{default}`", ""])
            elif rows:
                rows[-1][2] = f"{rows[-1][2]} {line.strip()}".strip().replace("|", r"\|")
        if rows:
            table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
            sections.append(f"### {group}\n\n| setting | default | meaning |\n|---|---|---|\n{table}")
    return "\n\n".join(sections)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python docs/generate.py DIR, such as build/docs")
    generate(Path(sys.argv[1]))
