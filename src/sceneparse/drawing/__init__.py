"""Drawing: label maps, overlays, contact sheets, charts and heat maps as pictures."""

from sceneparse.drawing.contact import contact_sheet
from sceneparse.drawing.legend import LegendEntry
from sceneparse.drawing.paint import blend, error_map, paint

__all__ = ["LegendEntry", "blend", "contact_sheet", "error_map", "paint"]
