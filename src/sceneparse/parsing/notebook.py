"""A parse in a notebook: the overlay and what its colours mean, task by task."""

import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from PIL import Image

from sceneparse.drawing.embedding import data_uri, shrunk
from sceneparse.drawing.legend import LegendEntry
from sceneparse.drawing.render import draw_overlay
from sceneparse.parsing.task_parse import SHOWN_SCENES, TaskMap
from sceneparse.tasks import Task

if TYPE_CHECKING:
    from sceneparse.parsing.parse import Parse

SIDE = 800
"""Long side of the pictures in a notebook, in pixels: a page with some of them must still load."""

ROWS = 16
"""At most so many classes are named beside a picture, those with the most pixels first."""

OPACITY = 0.55


def html_of(parse: "Parse") -> str:
    """Return a parse as a piece of HTML with nothing to fetch: overlays and legends, in the colours of the page."""
    figures = [_figure(parse, Task.OBJECT.truth, parse.task_map(), titled=parse.task_parse is not None)]
    if parse.task_parse is not None:
        figures += [_figure(parse, name, one, titled=True) for name, one in parse.task_parse.maps().items()]
    height, width = parse.size
    facts = f"{width}×{height} pixels · model {parse.model} · {parse.protocol.describe()}"
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:16px 24px;align-items:flex-start">'
        f"{_scene(parse)}{''.join(figures)}</div>"
        f'<div style="opacity:.65;font-size:85%;margin-top:6px">{escape(facts)}</div>'
    )


def png_of(parse: "Parse") -> bytes:
    """Return the overlay with its legend as a PNG file, its long side at most about `SIDE` pixels and the legend."""
    content = io.BytesIO()
    _overlay(parse, parse.task_map(), legend=True).save(content, "PNG")
    return content.getvalue()


def _overlay(parse: "Parse", one: TaskMap, *, legend: bool) -> Image.Image:
    """The overlay of a label map, shrunk before it is drawn: borders are seen, and large pictures take no longer."""
    image = shrunk(parse.image, SIDE, Image.Resampling.BOX)
    labels = shrunk(one.labels, SIDE, Image.Resampling.NEAREST)
    return draw_overlay(image, labels, one.space, one.legend if legend else None, OPACITY)


def _scene(parse: "Parse") -> str:
    if parse.scene is None:
        return ""
    kinds = ", ".join(f"{escape(one.name)} {percent(one.probability)}" for one in parse.scene[:SHOWN_SCENES])
    return f'<div style="flex-basis:100%"><b>{Task.SCENE.truth}</b> {kinds}</div>'


def _figure(parse: "Parse", title: str, one: TaskMap, *, titled: bool) -> str:
    drawn = _overlay(parse, one, legend=False)
    name = escape(f"{title}: {', '.join(entry.name for entry in one.legend[:ROWS])}", quote=True)
    # Small pictures are shown enlarged, pixel by pixel, as overlays with a legend are.
    shown = drawn.width * max(1, -(-320 // max(drawn.size)))
    pixelated = ";image-rendering:pixelated" if shown > drawn.width else ""
    return (
        f'<figure style="margin:0;max-width:100%">{f"<b>{title}</b>" if titled else ""}'
        '<div style="display:flex;flex-wrap:wrap;gap:8px 16px;align-items:flex-start">'
        f'<img src="{data_uri(drawn)}" alt="{name}" width="{shown}" style="max-width:100%;height:auto{pixelated}">'
        f"{_legend(one.legend)}</div></figure>"
    )


def _legend(entries: Sequence[LegendEntry]) -> str:
    rows = "".join(
        '<tr style="background:none"><td style="padding:1px 6px;text-align:left">'
        f'<span style="display:inline-block;width:1em;height:1em;vertical-align:middle;border:1px solid #8888;'
        f'background:rgb({",".join(map(str, entry.color))})"></span></td>'
        f'<td style="padding:1px 6px;text-align:left">{escape(entry.name)}</td>'
        f'<td style="padding:1px 6px;text-align:right">{escape(percent(entry.share))}</td></tr>'
        for entry in entries[:ROWS]
    )
    more = len(entries) - ROWS
    if more > 0:
        rows += f'<tr style="background:none"><td></td><td style="text-align:left">and {more} more</td><td></td></tr>'
    return f'<table style="border-collapse:collapse;margin:0">{rows}</table>'


def percent(share: float) -> str:
    """Return a share, 0..1, as text: "41.2%", or "<0.1%" of what is there and rounds to nothing."""
    return "<0.1%" if 0 < share < 0.0005 else f"{share:.1%}"
