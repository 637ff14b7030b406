"""Where overlays have their legend."""

from typing import Literal

LegendLayout = Literal["auto", "below", "none"]
"""auto: beside an upright picture, below any other; below: below all; none: no legend."""
