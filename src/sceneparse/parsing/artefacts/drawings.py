"""Parses for the eye: overlays, panels, and what videos and volumes have in their place."""

from sceneparse.parsing.artefacts.artefact import Artefact
from sceneparse.tasks import OTHERS

OVERLAY = Artefact(
    "picture under the colours of its classes",
    "_overlay.jpg",
    lambda parse: parse.overlay(),
    default=True,
    drawn=True,
    video="_overlay.mp4",
)

PANELS = Artefact(
    "a panel for each task of a unified model",
    "_panels.jpg",
    lambda parse: parse.panels(),
    frozenset(OTHERS),
    default=True,
    drawn=True,
)

TIMELINE = Artefact("shares of the classes over a video", default=True, video="_timeline.png")

MONTAGE = Artefact("slices of a volume beside their labels", default=True, drawn=True, volume="_montage.png")
