"""Planted look-alikes: things that only the surrounding scene distinguishes (PSPNet paper, section 3.1).

Each pair in `LOOKALIKES` lives in two kinds of scene, one member in each (`PLANTED`). A planted picture shows its scene
at the top only. Below it lies a wide band of one ground that both scenes of the pair share and that is labelled
the same in both: slabs by a street and by a river, a meadow in the country and under mountains, boards in a bedroom and
on a beach. The look-alikes stand at the lower edge, at least 0.35 of the picture's side below the band's upper end.

Band and things are drawn by the same code for both members, from the same distributions of light, camera, size, shape,
colour and texture; the class name reaches nothing but the labels. So a network that sees only a cut of the picture
around a look-alike can do no better than guess, and one that sees all of it can be always right.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sceneparse.toyworld import grounds, textures
from sceneparse.toyworld.canvas import Point, mix, rgb, smooth, where
from sceneparse.toyworld.spaces import tag
from sceneparse.toyworld.surfaces import pick
from sceneparse.toyworld.things import Cloth
from sceneparse.toyworld.vehicles import GLASS, PAINTS
from sceneparse.toyworld.view import Camera, Stage

PLANTED = {
    "street": "car",
    "river": "boat",
    "countryside": "sheep",
    "mountain": "rock",
    "bedroom": "lamp",
    "beach": "umbrella",
}
"""The look-alike of each kind of scene that has one."""

BAND_TOP = (0.35, 0.375)
"""Where the shared ground begins, down the picture: smallest and largest."""


def planted_camera(rng: np.random.Generator) -> Camera:
    """Return the camera of a planted picture, drawn from the same distribution in every kind of scene."""
    return Camera(x=rng.uniform(0.40, 0.60), horizon=rng.uniform(0.29, 0.32), height=rng.uniform(4.5, 6.0))


def plant(stage: Stage, what: str) -> None:
    """Draw the shared ground and two or three look-alikes on it.

    Args:
        stage: The scene; what is below `BAND_TOP` is painted over.
        what: The object that they are, a name in `LOOKALIKES`; nothing in the picture depends on which of its pair.
    """
    kind = _KINDS[what]
    canvas, rng = stage.canvas, stage.rng
    top = rng.uniform(*BAND_TOP)
    kind.ground(stage, top)
    kerb = canvas.rectangle(0, top, 1, top + 0.008)
    canvas.shade(kerb, 0.30)
    count = int(rng.integers(2, 4))
    positions = (np.arange(count) + 0.5 + rng.uniform(-0.12, 0.12, count)) / count
    bases = rng.uniform(*kind.base, count)
    for index in np.argsort(bases):
        size = rng.uniform(*kind.size) * (1.0 if count == 2 else 0.88)
        kind.thing(stage, what, float(positions[index]), float(bases[index]), size)


def vehicle(stage: Stage, what: str, x: float, base: float, width: float) -> None:
    """Draw a long body with a cabin and two dark rounds below, wheels or fenders: a car, or a boat laid up ashore."""
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    turn = 1 if rng.random() < 0.5 else -1
    paint, cloth = pick(rng, PAINTS), pick(rng, ((0.90, 0.89, 0.85), (0.78, 0.80, 0.82), (0.86, 0.78, 0.66)))
    cabin, bow = rng.uniform(0.36, 0.42), rng.uniform(0.47, 0.51)
    stage.shadow(x, base, width, 0.07 * width, 0.85)

    def to_picture(*points: Point) -> list[Point]:
        return [(x + turn * a * width, base - b * width) for a, b in points]

    top = canvas.polygons(
        to_picture(
            (-0.33, 0.18), (-0.28, cabin), (-0.24, cabin + 0.015), (0.02, cabin + 0.015), (0.06, cabin), (0.20, 0.18)
        )
    )
    _, down = top.local((0, base - (cabin + 0.015) * width, 1, base - 0.18 * width))
    roof = tag(what, "metal", "plain", "cabin")
    canvas.paint(top, cloth * (1.05 - 0.22 * down), roof)
    panes = canvas.polygons(
        to_picture((-0.26, 0.24), (-0.235, cabin - 0.04), (-0.13, cabin - 0.04), (-0.13, 0.24)),
        to_picture((-0.10, 0.24), (-0.10, cabin - 0.04), (0.02, cabin - 0.04), (0.11, 0.24)),
    )
    across, down = panes.local((x - 0.3 * width, base - cabin * width, x + 0.2 * width, base - 0.24 * width))
    shine = 0.5 * where(np.abs(across - 0.5 + 0.25 * down) < 0.12) + 0.2 * (1 - down)
    canvas.paint(
        panes, mix(GLASS, light.horizon / light.tint, np.clip(shine, 0, 0.8)), tag(what, "glass", "plain", "window")
    )
    outline = (
        *((-0.47, 0.215), (-0.49, 0.18), (-0.47, 0.07), (-0.42, 0.03), (0.32, 0.03), (0.42, 0.08)),
        *((bow, 0.21), (bow + 0.005, 0.235), (0.30, 0.21)),
    )
    body = canvas.polygons(to_picture(*outline))
    across, down = body.local((x - width / 2, base - 0.21 * width, x + width / 2, base))
    gleam = 1.12 - 0.48 * smooth(down, 0.2, 1) + 0.16 * light.side * light.sun * (across - 0.5)
    colors = mix(paint * gleam, cloth, 0.8 * where(np.abs(down - 0.30) < 0.06))
    shell, rounds = ("body", "wheel") if what == "car" else ("hull", "fender")
    canvas.paint(body, colors, tag(what, "metal", "plain", shell))
    centres = [(x + turn * a * width, base - 0.052 * width) for a in (-0.27, 0.23)]
    discs = canvas.ellipses(*((*centre, 0.058 * width, 0.058 * width) for centre in centres))
    canvas.paint(discs, rgb(0.08, 0.08, 0.09), tag(what, "rubber", "plain", rounds))
    canvas.tint(
        canvas.ellipses(*((*centre, 0.024 * width, 0.024 * width) for centre in centres)), rgb(0.50, 0.50, 0.52)
    )


def lump(stage: Stage, what: str, x: float, base: float, width: float) -> None:
    """Draw a pale, rounded, curly lump in the grass: a sheep that rests or a weathered rock."""
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    height = rng.uniform(0.46, 0.54) * width
    stage.shadow(x, base, width, 0.12 * width, 0.7)
    color = pick(rng, ((0.80, 0.77, 0.70), (0.74, 0.72, 0.68), (0.84, 0.80, 0.72)))
    region = canvas.box(x - 0.62 * width, base - 1.25 * height, x + 0.62 * width, base + 0.04 * width)
    tufts = [(x, base - 0.42 * height, 0.44 * width, 0.55 * height)]
    for a in np.linspace(-0.30, 0.30, 4) + rng.uniform(-0.04, 0.04, 4):
        tufts.append((x + float(a) * width, base - rng.uniform(0.38, 0.58) * height, 0.20 * width, 0.42 * height))
    field = np.full(region.cover.shape, -9, dtype=np.float32)
    for a, b, rx, ry in tufts:
        np.maximum(field, 1 - ((region.x - a) / rx) ** 2 - ((region.y - b) / ry) ** 2, out=field)
    field = np.minimum(field, (base + 0.02 * width - region.y) / (0.1 * height))
    curls = textures.rough(region.x * 420 + rng.uniform(0, 256), region.y * 420)
    across, down = region.local((x - width / 2, base - height, x + width / 2, base))
    brightness = 1.16 - 0.48 * down + 0.45 * light.side * light.sun * (across - 0.5) + 0.10 * curls
    colors = color * np.clip(brightness - 0.20 * smooth(field, 0.35, 0), 0.3, 1.3)
    cover = np.clip((field + 0.07 * curls) * canvas.size * height * 0.4 + 0.5, 0, 1)
    sheep = tag("sheep", "wool", "speckled", "body")
    canvas.paint(region.within(cover), colors, sheep if what == "sheep" else tag("rock", "stone", "speckled"))


def shade(stage: Stage, what: str, x: float, base: float, height: float) -> None:
    """Draw a cone of patterned fabric on a short pole with a round foot: a lamp or a sunshade."""
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    cloth = Cloth.draw(rng)
    half, tip = rng.uniform(0.42, 0.52) * height, rng.uniform(0.05, 0.14) * height
    stage.shadow(x, base, 0.8 * height, 0.09 * height)
    metal, pole = rgb(0.42, 0.37, 0.32), max(0.03 * height, 0.004)
    foot = canvas.ellipses((x, base - 0.03 * height, 0.18 * height, 0.05 * height))
    canvas.paint(foot, metal, tag(what, "metal", "plain", "base"))
    rim = base - 0.42 * height
    canvas.paint(
        canvas.rectangle(x - pole, rim - 0.02, x + pole, base - 0.04 * height),
        metal * 1.3,
        tag(what, "metal", "plain", "pole"),
    )
    cone = canvas.polygons(((x - tip, base - height), (x + tip, base - height), (x + half, rim), (x - half, rim)))
    across, down = cone.local((x - half, base - height, x + half, rim))
    colors = cloth.surface.colors((cone.x - x) * (2.6 / height), (cone.y - rim) * (2.6 / height), cloth.color)
    colors *= 1.08 - 0.14 * down + 0.40 * light.side * light.sun * (across - 0.5)
    part = "shade" if what == "lamp" else "canopy"
    canvas.paint(cone, colors, tag(what, "fabric", cloth.surface.texture, part))


def _slabs(stage: Stage, top: float) -> None:
    grounds.pavement(stage, stage.canvas.box(0, top, 1, 1), slab=2.0)


def _boards(stage: Stage, top: float) -> None:
    grounds.planks(stage, stage.canvas.box(0, top, 1, 1), board=0.6)


@dataclass(frozen=True)
class _Kind:
    """A pair's shared ground, its thing, and how large and how far down the things stand."""

    ground: Callable[[Stage, float], None]
    thing: Callable[[Stage, str, float, float, float], None]
    size: tuple[float, float]
    base: tuple[float, float]


_VEHICLES = _Kind(_slabs, vehicle, (0.27, 0.36), (0.91, 0.97))
_LUMPS = _Kind(grounds.grass, lump, (0.22, 0.30), (0.90, 0.97))
_SHADES = _Kind(_boards, shade, (0.18, 0.225), (0.95, 0.985))
_KINDS = {"car": _VEHICLES, "boat": _VEHICLES, "sheep": _LUMPS, "rock": _LUMPS, "lamp": _SHADES, "umbrella": _SHADES}
