"""Load and describe the models that are served, by name."""

from collections.abc import Collection, Sequence
from typing import Any

import torch

from sceneparse.errors import require
from sceneparse.inference import EngineName
from sceneparse.labels import LabelSpace
from sceneparse.parsing import Parser, load
from sceneparse.serving.answers import known_kinds
from sceneparse.serving.names import names_of
from sceneparse.serving.settings import model_of
from sceneparse.settings import Precision, ProtocolSettings
from sceneparse.settings.protocol import ProtocolChange
from sceneparse.tasks import OTHERS, Task, TaskName


def load_models(
    sources: Sequence[str],
    *,
    engine: EngineName = "auto",
    device: str = "auto",
    precision: Precision = "auto",
    protocol: ProtocolSettings | ProtocolChange | None = None,
    tasks: Collection[TaskName] | None = None,
) -> dict[str, Parser]:
    """Load models by name, and parse a small picture with each; the first one is the default.

    Args:
        sources: What `load` takes, each with a name of its own before it if wanted ("day=runs/day/model"). Default
            name: that of the run, or of the model's own folder or file.
        engine: As in `load`, like the next ones.
        device: …
        precision: …
        protocol: …
        tasks: …

    Raises:
        UserError: As in `load`, or two models of one name.
    """
    require(bool(sources), "no model to serve: name one or more model folders")
    named = [model_of(source) for source in sources]
    names = names_of(named)
    loaded = [
        load(model, engine=engine, device=device, precision=precision, protocol=protocol, tasks=tasks)
        for _, model in named
    ]
    for parser in loaded:
        # So that no client waits for what is made on the way, and what cannot be made is said now.
        parser.parse(torch.zeros(parser.config.backbone.in_channels, 64, 64, dtype=torch.uint8))
    return dict(zip(names, loaded, strict=True))


def described(name: str, parser: Parser, default: bool) -> dict[str, Any]:
    """Describe a model for `/v1/models`."""
    spaces = {Task.OBJECT: parser.labels} | ({} if parser.tasks is None else parser.tasks.spaces())
    return {
        "name": name,
        "default": default,
        "tasks": [Task.OBJECT, *parser.other_tasks],
        "kinds": list(known_kinds(parser)),
        "classes": {task.plural: _classes(spaces[task]) for task in (Task.OBJECT, *OTHERS) if task in spaces},
        "engine": parser.engine.describe(),
        "protocol": parser.protocol.describe(),
        "sha256": parser.fingerprint,
    }


def _classes(space: LabelSpace) -> list[dict[str, Any]]:
    return [
        {"name": name, "id": identity, "color": list(color)}
        for name, identity, color in zip(space.names, space.ids, space.colors, strict=True)
    ]
