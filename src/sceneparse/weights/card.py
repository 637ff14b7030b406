"""The model card: a model folder's README.md, in the form of the Hugging Face hub."""

import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from sceneparse.errors import counted
from sceneparse.labels import LabelSpace
from sceneparse.recipes import to_mapping
from sceneparse.settings import Temperatures
from sceneparse.tables import table
from sceneparse.weights.architectures import architecture_of
from sceneparse.weights.config import ModelConfig

CONFIDENCE, LIMITS = "## Confidence", "## Limits"
"""The heading of what a card says of a model's temperatures, and that of what comes behind it."""


def model_card(
    config: ModelConfig,
    labels: LabelSpace,
    metrics: Mapping[str, object] | None,
    *,
    origin: str | None = None,
    published: str | None = None,
    weights: str | None = None,
) -> str:
    """A model card in Markdown with YAML front matter: data, classes, protocol, figures, use and limits.

    Where the data lay on disk is left out.

    Args:
        config: What the model is.
        labels: Its classes.
        metrics: The content of metrics.json, or None when the model was not evaluated: fractions 0..1 under
            the keys of the table of figures (of other tasks than the objects under "headlines"), "protocol" (one
            line), "split" and "classes" (name and iou of each); other keys are ignored.
        origin: The published checkpoint that it was imported from, in a line; None if it was trained here.
        published: That checkpoint's licence and the terms of its data, in a line; None where they are not known here.
        weights: A sentence on which of a training's weights it has; None where there is nothing to say.
    """
    metrics = metrics and {**metrics, **_mapping(metrics.get("headlines"))}
    shown = [key for key, one in table("figures").usable() if one.card]
    figures = {name: value for name in shown if metrics and isinstance(value := metrics.get(name), int | float)}
    architecture = architecture_of(config.network)
    title = f"{architecture.title} ({config.backbone.name})"
    paper = f"; paper: https://arxiv.org/abs/{architecture.paper}" if architecture.paper else ""
    made = "Trained with" if origin is None else "Imported into"
    split = str((metrics or {}).get("split", config.data.test))
    matter = _front_matter(config, figures, _protocol(config, metrics), split)
    head = yaml.safe_dump(matter, sort_keys=False, allow_unicode=True)
    sections = [
        f"---\n{head}---",
        f"# {config.name}",
        f"{title} for scene parsing: it gives every pixel of a picture one of "
        f"{counted(len(labels), 'class', 'classes')}. {_other_tasks(config)}{made} sceneparse{paper}.",
        "## Use\n\n```python\nimport sceneparse\n\n"
        'parser = sceneparse.load(".")  # this folder; from elsewhere its path or hub id\n'
        'parser("picture.jpg").overlay().save("overlay.png")\n```',
        f"## Data\n\n{_data(config) if origin is None else _origin(origin, published)}"
        + (f" {weights}" if weights else ""),
        f"## Classes\n\n{', '.join(labels.names)}",
        f"## Figures\n\n{_figures(config, figures, metrics)}",
        f"{LIMITS}\n\n"
        "It knows the classes above and no others: every pixel gets one of them, whatever is in the picture. "
        "Pictures unlike its training data (other places, light, cameras or scales) are parsed worse than the figures "
        "say. Figures of other protocols cannot be compared with these.",
        "## Settings\n\n```yaml\n"
        + yaml.safe_dump(
            {
                name: to_mapping(getattr(config.portable(), name))
                for name in ("backbone", "network", "preprocessing", "protocol")
            },
            sort_keys=False,
            default_flow_style=None,
            width=100,
        )
        + "```",
    ]
    return with_confidence("\n\n".join(sections) + "\n", config.temperatures)


def with_confidence(card: str, temperatures: Temperatures) -> str:
    """Return a model card that says these temperatures of a model, and no others; all else in it stays as it is.

    Args:
        card: The card, which people may have changed.
        temperatures: What the model's logits are divided by; without any, the card says nothing of them.
    """
    sections = [one for one in re.split(r"(?m)^(?=## )", card) if one.split("\n")[0].rstrip() != CONFIDENCE]
    known = {one.name: value for one in fields(temperatures) if (value := getattr(temperatures, one.name)) is not None}
    if known:
        divided = ", ".join(f"those of {name}s by {value:.3g}" for name, value in known.items())
        said = (
            f"{CONFIDENCE}\n\nCalibrated: before logits become probabilities they are divided, {divided}, so that it "
            "is as sure as it is right on pictures like those that it was calibrated on. Its labels stay the same.\n\n"
        )
        behind = next((number for number, one in enumerate(sections) if one.startswith(LIMITS)), len(sections))
        if behind == len(sections):
            sections[-1] = sections[-1].rstrip("\n") + "\n\n"
            said = said.rstrip("\n") + "\n"
        sections.insert(behind, said)
    return "".join(sections)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _other_tasks(config: ModelConfig) -> str:
    """A sentence on the tasks that a unified model has beside the objects."""
    tasks = config.network.tasks
    answers = {
        f"one of {counted(tasks.scenes, 'scene')}": tasks.scenes,
        f"the parts of {counted(len(tasks.parts), 'object')}": tasks.parts,
        f"{counted(tasks.materials, 'material')}": tasks.materials,
        f"{counted(tasks.textures, 'texture')}": tasks.textures,
    }
    words = [text for text, there in answers.items() if there]
    return f"It also predicts {', '.join(words)}. " if words else ""


def _protocol(config: ModelConfig, metrics: Mapping[str, object] | None) -> str:
    stated = metrics.get("protocol") if metrics else None
    return stated if isinstance(stated, str) else config.protocol.name


def _front_matter(config: ModelConfig, figures: Mapping[str, float], protocol: str, split: str) -> dict[str, object]:
    matter: dict[str, object] = {
        "library_name": "sceneparse",
        "pipeline_tag": "image-segmentation",
        "tags": ["sceneparse", "scene-parsing", "semantic-segmentation", config.network.architecture],
    }
    if figures:
        result = {
            "task": {"type": "image-segmentation", "name": "Semantic segmentation"},
            "dataset": {"type": config.data.kind, "name": config.data.kind, "split": split},
            "metrics": [
                {"type": name, "name": f"{table('figures')[name].title} ({protocol})", "value": round(value, 6)}
                for name, value in figures.items()
            ],
        }
        matter["model-index"] = [{"name": config.name, "results": [result]}]
    return matter


def _data(config: ModelConfig) -> str:
    data = config.data
    start = ""
    if (weights := config.backbone.weights) is not None:
        origin = "timm's pretrained weights" if weights == "hub" else f"the weights in {Path(weights).name}"
        start = f" Training started from {origin} in the backbone."
    splits = f"Trained on `{data.train}`, chosen on `{data.val}`, to be tested on `{data.test}`."
    return f"{table('datasets')[data.kind].describe(data)} {splits}{start}"


def _origin(origin: str, published: str | None) -> str:
    if published is not None:
        return f"Imported from a published checkpoint: {origin}. {published[:1].upper()}{published[1:]}."
    return (
        f"Imported from a published checkpoint: {origin}. What it was trained on is for its publisher to say, as are "
        "its licence and its figures."
    )


def _figure_row(figure: Any, value: float) -> str:
    unit = "" if figure.unit == "%" else f" ({figure.unit})"
    return f"| {figure.title}{unit} | {figure.text(value)} |"


def _figures(config: ModelConfig, figures: Mapping[str, float], metrics: Mapping[str, object] | None) -> str:
    if not figures:
        return f"Not evaluated. Its protocol is `{config.protocol.name}`."
    lines = [f"Protocol: {_protocol(config, metrics)}.", "", "| figure | % |", "|---|---:|"]
    lines += [_figure_row(table("figures")[name], value) for name, value in figures.items()]
    classes = metrics.get("classes") if metrics else None
    if isinstance(classes, list):
        lines += ["", "| class | IoU % |", "|---|---:|"]
        for one in classes:
            name = str(one["name"]).replace("|", "\\|")  # which would end the cell
            lines.append(f"| {name} | {'–' if one.get('iou') is None else format(100 * one['iou'], '.2f')} |")
    return "\n".join(lines)
