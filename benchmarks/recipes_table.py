"""Prints the tables of docs/recipes.md: the papers' experiments and ablations, with what was published.

    python benchmarks/recipes_table.py            Markdown
    python benchmarks/recipes_table.py --json     the same for programs

All of it stands in the recipes and the sweeps themselves, under `published` and `reproduced`. The quick form prints the
first row of each table.
"""

import re
from dataclasses import asdict
from typing import Any

from command_line import command_line, parsed, write_figures
from sceneparse.inference import PRESETS, TestProtocol, resolve
from sceneparse.recipes import from_mapping, recipe_names
from sceneparse.recipes.reading import RecipeFile, read_figures, read_file
from sceneparse.recipes.sweep import load_sweep, sweep_names
from sceneparse.settings import AugmentationSettings, NetworkSettings, ProtocolSettings, TrainingSettings

NOT_YET = "not yet"


def experiments() -> list[RecipeFile]:
    """The recipes that stand for a published experiment, or extend one that does."""
    files = [read_file(name) for name in sorted(recipe_names(), key=_in_order)]
    published = {f"recipe {file.name}" for file in files if file.published}
    return [file for file in files if any(where in published for where, _ in file.layers)]


def recipe_row(file: RecipeFile) -> dict[str, Any]:
    """One line of the recipes' table."""
    settings = file.settings()

    def group(kind: type, name: str) -> Any:
        return from_mapping(kind, settings.get(name, {}), file.name)

    network, protocol = group(NetworkSettings, "network"), resolve(group(ProtocolSettings, "protocol"))
    training, augmentation = group(TrainingSettings, "training"), group(AugmentationSettings, "augmentation")
    stride = network.output_stride
    return {
        "recipe": file.name,
        "network": f"{network.architecture}, {settings['backbone']['name']}, stride {stride}",
        "data": f"{settings['data']['kind']}, {settings['data']['train']}",
        "iterations": training.iterations,
        "batch": training.batch,
        "pictures": _pictures(augmentation),
        "protocol": _changed(protocol),
        "protocol_in_full": protocol.describe(),
        "absent": {"skip": "left out", "zero": "count as 0"}[protocol.absent],
        "published": [asdict(figure) for figure in file.published],
        "reproduced": [asdict(figure) for figure in file.reproduced],
    }


def sweep_rows() -> list[dict[str, Any]]:
    """The lines of the ablations' table: the rows of sweeps for which a figure was published."""
    rows = []
    for name in sweep_names():
        for row in load_sweep(name).get("rows", []):
            figures = read_figures(row.get("published", []), name)
            rows += [{"sweep": name, "row": row["name"]} | asdict(figure) for figure in figures]
    return rows


def markdown(recipes: list[dict[str, Any]], ablations: list[dict[str, Any]]) -> str:
    """Both tables."""
    lines = [
        "| recipe | network | data | training | protocol | absent classes | published | here |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in recipes:
        training = f"{row['iterations']:,} × {row['batch']}, {row['pictures']}"
        published = "<br>".join(_figures(figure) for figure in row["published"]) or "–"
        here = "<br>".join(_figures(figure) for figure in row["reproduced"]) or NOT_YET
        own = (f"`{row['recipe']}`", row["network"], row["data"], training)
        cells = (*own, row["protocol"], row["absent"], published, here)
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| sweep | row | test | mean IoU | pixel accuracy | source |", "|---|---|---|---:|---:|---|"]
    for row in ablations:
        numbers = [_number(row[name]) for name in ("mean_iou", "pixel_accuracy")]
        cells = (f"`{row['sweep']}`", row["row"], row["test"], *numbers, row["source"])
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _in_order(name: str) -> list[Any]:
    """Sorts numbers by their value: pspnet50 before pspnet101."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _changed(protocol: TestProtocol) -> str:
    """A protocol's name, and where it differs from the known one of that name."""
    known = PRESETS[protocol.name]
    parts = [f"`{protocol.name}`"]
    if protocol.size != known.size:
        parts.append(f"{protocol.resize} side {protocol.size}")
    if protocol.window != known.window and protocol.window is not None:
        parts.append(f"windows {protocol.window[0]}")
    return ", ".join(parts)


def _pictures(augmentation: AugmentationSettings) -> str:
    if augmentation.short is not None:
        return f"short sides {min(augmentation.short)}–{max(augmentation.short)}"
    return f"crop {augmentation.crop[0]}" if augmentation.crop else "whole pictures"


def _figures(figure: dict[str, Any]) -> str:
    numbers = " / ".join(_number(figure[name]) for name in ("mean_iou", "pixel_accuracy") if figure[name] is not None)
    return f"{numbers} ({figure['test']}; {figure['source']})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def main() -> None:
    """Print the tables."""
    given = parsed(command_line(__doc__), {})
    rows = slice(1) if given.quick else slice(None)
    recipes, ablations = [recipe_row(file) for file in experiments()[rows]], sweep_rows()[rows]
    figures = {"recipes": recipes, "ablations": ablations}
    write_figures(figures, given.json, lambda: print(markdown(recipes, ablations), end=""))


if __name__ == "__main__":
    main()
