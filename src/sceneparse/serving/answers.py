"""Write a parse in the form that the client asked for: JSON or a picture."""

import json
from io import BytesIO
from typing import Any

from PIL import Image

from sceneparse.drawing import LegendEntry
from sceneparse.drawing.legend import id_image
from sceneparse.labels import LabelSpace
from sceneparse.parsing import Parse, Parser
from sceneparse.pictures.run_lengths import run_lengths
from sceneparse.serving.batcher import Parsed
from sceneparse.serving.negotiation import JSON, Answer
from sceneparse.serving.picture import Received
from sceneparse.tasks import MAPS, Task

SHOWING = ("overlay", "panels")
"""The kinds of picture that show the picture itself."""


def known_kinds(parser: Parser) -> tuple[str, ...]:
    """Return the kinds of picture that a model can answer with."""
    return ("labels", "overlay", "panels", *(task.plural for task in parser.other_tasks if task in MAPS))


def encoded(parsed: Parsed, received: Received, answer: Answer) -> bytes:
    """Return the body of the answer."""
    if answer.media_type == JSON:
        return json.dumps(as_json(parsed, received), ensure_ascii=False, separators=(",", ":")).encode()
    drawn = _drawn(parsed.parse, answer.kind)
    content = BytesIO()
    if answer.media_type == "image/jpeg":
        drawn.save(content, "JPEG", quality=90)
    else:
        drawn.save(content, "PNG", compress_level=4)
    return content.getvalue()


def as_json(parsed: Parsed, received: Received) -> dict[str, Any]:
    """Return the parse as JSON with the picture's hash, the masks, and the times."""
    parse = parsed.parse
    masks: dict[str, list[dict[str, Any]]] = {Task.OBJECT.plural: masks_of(parse.labels, parse.legend, parse.space)}
    for name, one in ({} if parse.task_parse is None else parse.task_parse.maps()).items():
        masks[name] = masks_of(one.labels, one.legend, one.space)
    return {
        "picture": {"sha256": received.sha256, "bytes": len(received.content), "format": received.format},
        **parse.to_json(),
        "masks": masks,
        "seconds": {"waited": round(parsed.waited, 4), "parsed": round(parsed.seconds, 4)},
    }


def masks_of(labels: Any, legend: tuple[LegendEntry, ...], space: LabelSpace) -> list[dict[str, Any]]:
    """Return the mask of each class that occurs, the largest share first."""
    index_of = {identity: index for index, identity in enumerate(space.ids)}
    runs = run_lengths(labels)
    return [{**entry.to_json(), "pixels": entry.pixels, "rle": runs[index_of[entry.id]]} for entry in legend]


def _drawn(parse: Parse, kind: str) -> Image.Image:
    if kind == "labels":
        return parse.label_image()
    if kind == "overlay":
        return parse.overlay(legend=False)
    if kind == "panels":
        return parse.panels()
    assert parse.task_parse is not None  # `known_kinds` offers no other
    one = parse.task_parse.maps()[kind]
    return id_image(one.labels, one.space)
