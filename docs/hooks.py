"""What MkDocs runs while it builds the site. The page of the commands is made of their own help."""

import os
import re
from typing import Any

from sceneparse.cli import COMMANDS, parser_of
from sceneparse.recipes import recipe_names, settings_help
from sceneparse.recipes.reading import read_file
from sceneparse.settings import Recipe

WIDTH = "80"
"""Characters of a line of help, as many as a screen of 1280 pixels shows between both menus."""


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Put the helps of all commands, the recipes and the settings where docs/commands.md has its marks.

    Words behind a code block's language ("```yaml sweep") are for the tests; MkDocs would not see a code block there.
    """
    if page.file.src_uri != "commands.md":
        return re.sub(r"^(```\w+) [\w ]+$", r"\1", markdown, flags=re.M)
    made = {"commands": _commands(), "recipes": _recipes(), "settings": _settings()}
    return re.sub(r"<!-- (commands|recipes|settings) -->", lambda mark: made[mark[1]], markdown)


def _commands() -> str:
    os.environ["COLUMNS"] = WIDTH
    sections = []
    for name, command in COMMANDS.items():
        summary = f"{command.summary[0].upper()}{command.summary[1:]}."
        # It stands above, where long lines are wrapped.
        text = parser_of(name).format_help().replace(f"\n{summary}\n", "", 1)
        sections.append(f"## {name}\n\n{summary}\n\n```text\n{text}```")
    return "\n\n".join(sections)


def _recipes() -> str:
    rows = [f"| `{name}` | {read_file(name).settings()['description']} |" for name in recipe_names()]
    return "\n".join(["| recipe | |", "|---|---|", *rows])


def _settings() -> str:
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
