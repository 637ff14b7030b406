"""How overlays are drawn: where they have their legend, and how much of the colours is seen."""

from typing import Literal

LegendLayout = Literal["auto", "below", "none"]
"""auto: beside an upright picture, below any other; below: below all; none: no legend."""

OPACITY = 0.55
"""How much of the classes' colours is seen in drawings, 0 (none) to 1 (nothing else), where nobody says it."""
