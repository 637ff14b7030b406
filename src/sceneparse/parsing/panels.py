"""The panels of a unified model's parse: one for each task."""

from typing import TYPE_CHECKING

from PIL import Image

from sceneparse.drawing.render import draw_overlay, draw_panels
from sceneparse.settings.legend import LegendLayout
from sceneparse.tasks import Task

if TYPE_CHECKING:
    from sceneparse.parsing.parse import Parse


def panels_of(parse: "Parse", opacity: float) -> Image.Image:
    """Draw a panel for each task, side by side; see `Parse.panels`."""
    panels: list[tuple[str, Image.Image]] = [(Task.OBJECT.truth, parse.overlay(opacity))]
    if parse.task_parse is not None:
        if parse.task_parse.scene is not None:
            # Which kinds of scene it may be is all that this panel says.
            layout: LegendLayout = "auto" if parse.legend_layout == "none" else parse.legend_layout
            panels.insert(0, (Task.SCENE.truth, parse.task_parse.scene_panel(parse.image, layout)))
        for name, one in parse.task_parse.maps().items():
            drawn = draw_overlay(parse.image, one.labels, one.space, one.legend, opacity, parse.legend_layout)
            panels.append((name, drawn))
    return draw_panels(panels)
