"""The panels of a unified model's parse: one for each task."""

from typing import TYPE_CHECKING

from PIL import Image

from sceneparse.drawing.embedding import shrunk
from sceneparse.drawing.render import draw_overlay, draw_panels
from sceneparse.parsing.task_parse import TaskMap
from sceneparse.settings.legend import LegendLayout
from sceneparse.tasks import Task

if TYPE_CHECKING:
    from sceneparse.parsing.parse import Parse


def panels_of(parse: "Parse", opacity: float = 0.55, side: int | None = None) -> Image.Image:
    """Draw a panel for each task, side by side; see `Parse.panels`.

    Args:
        parse: The parse.
        opacity: As in `Parse.overlay`.
        side: Larger pictures are shrunk to a long side of so many pixels before they are drawn; None: none is.
    """
    image = parse.image if side is None else shrunk(parse.image, side, Image.Resampling.BOX)

    def drawn(one: TaskMap) -> Image.Image:
        labels = one.labels if side is None else shrunk(one.labels, side, Image.Resampling.NEAREST)
        return draw_overlay(image, labels, one.space, one.legend, opacity, parse.legend_layout)

    panels: list[tuple[str, Image.Image]] = [(Task.OBJECT.truth, drawn(parse.task_map()))]
    if parse.task_parse is not None:
        if parse.task_parse.scene is not None:
            # Which kinds of scene it may be is all that this panel says.
            layout: LegendLayout = "auto" if parse.legend_layout == "none" else parse.legend_layout
            panels.insert(0, (Task.SCENE.truth, parse.task_parse.scene_panel(image, layout)))
        for name, one in parse.task_parse.maps().items():
            panels.append((name, drawn(one)))
    return draw_panels(panels)
