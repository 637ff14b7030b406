"""Write a parse in the form that the client asked for: JSON or a picture."""

import base64
import json
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneparse.drawing import LegendEntry
from sceneparse.drawing.legend import id_image
from sceneparse.labels import LabelSpace
from sceneparse.parsing import Parse, Parser
from sceneparse.parsing.artefacts.confidences import grey_picture
from sceneparse.parsing.panels import panels_of
from sceneparse.pictures.run_lengths import run_lengths
from sceneparse.serving.batcher import Parsed
from sceneparse.serving.negotiation import CONFIDENCE, JSON, Answer
from sceneparse.serving.picture import Received
from sceneparse.tasks import MAPS, Task

SHOWING = ("overlay", "panels")
"""The kinds of picture that show the picture itself."""

PANEL_SIDE = 2048
"""Long side of each panel, in pixels: a unified model's are five, each as large as the picture would be."""


def known_kinds(parser: Parser) -> tuple[str, ...]:
    """Return the kinds of answer that a model can give."""
    return ("labels", "overlay", "panels", CONFIDENCE, *(task.plural for task in parser.other_tasks if task in MAPS))


def encoded(parsed: Parsed, received: Received, answer: Answer) -> bytes:
    """Return the body of the answer."""
    if answer.media_type == JSON:
        made = as_json(parsed, received, confidence=answer.kind == CONFIDENCE)
        return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()
    drawn = _drawn(parsed.parse, answer.kind)
    return _jpeg(drawn) if answer.media_type == "image/jpeg" else _png(drawn)


def as_json(parsed: Parsed, received: Received, *, confidence: bool = False) -> dict[str, Any]:
    """Return the parse as JSON with the picture's hash, the masks, and the times.

    Args:
        parsed: The parse.
        received: The picture.
        confidence: Whether to add the confidence of every pixel: a grey PNG in base64 for each label map.
    """
    parse = parsed.parse
    maps = {Task.OBJECT.plural: parse.task_map()} | ({} if parse.task_parse is None else parse.task_parse.maps())
    return {
        "picture": {"sha256": received.sha256, "bytes": len(received.content), "format": received.format},
        **parse.to_json(),
        "masks": {name: masks_of(one.labels, one.legend, one.space) for name, one in maps.items()},
        **({CONFIDENCE: {name: _grey(one.confidence) for name, one in maps.items()}} if confidence else {}),
        "seconds": {"waited": round(parsed.waited, 4), "parsed": round(parsed.seconds, 4)},
    }


def masks_of(labels: Any, legend: tuple[LegendEntry, ...], space: LabelSpace) -> list[dict[str, Any]]:
    """Return the mask of each class that occurs, the largest share first."""
    index_of = {identity: index for index, identity in enumerate(space.ids)}
    runs = run_lengths(labels)
    return [{**entry.to_json(), "pixels": entry.pixels, "rle": runs[index_of[entry.id]]} for entry in legend]


def _grey(confidence: NDArray[np.float32]) -> str:
    return base64.b64encode(_png(grey_picture(confidence))).decode()


def _png(image: Image.Image) -> bytes:
    content = BytesIO()
    image.save(content, "PNG", compress_level=4)
    return content.getvalue()


def _jpeg(image: Image.Image) -> bytes:
    content = BytesIO()
    image.save(content, "JPEG", quality=90)
    return content.getvalue()


def _drawn(parse: Parse, kind: str) -> Image.Image:
    if kind == "labels":
        return parse.label_image()
    if kind == "overlay":
        return parse.overlay(legend=False)
    if kind == "panels":
        return panels_of(parse, side=PANEL_SIDE)
    if kind == CONFIDENCE:
        return grey_picture(parse.confidence)
    assert parse.task_parse is not None  # `known_kinds` offers no other
    one = parse.task_parse.maps()[kind]
    return id_image(one.labels, one.space)
