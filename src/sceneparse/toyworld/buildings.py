"""Draw buildings, skyscrapers and houses.

A building and a skyscraper wear the same facades: only how tall they stand tells them apart.
"""

import itertools
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from sceneparse.toyworld import surfaces, textures
from sceneparse.toyworld.canvas import Floats, Region, mix, rgb, smooth, where
from sceneparse.toyworld.spaces import tag
from sceneparse.toyworld.surfaces import Surface, pick
from sceneparse.toyworld.view import Camera, Stage

_DOORS = (rgb(0.36, 0.22, 0.14), rgb(0.14, 0.30, 0.28), rgb(0.42, 0.14, 0.12))


@dataclass(frozen=True)
class Facade:
    """How a building's walls look.

    Args:
        surface: What the wall is made of.
        color: The wall's colour.
        floor: Height of a storey in metres.
        bay: Distance of the windows in metres.
        pane: Share of bay and storey that a window takes, across and up.
        glass: Colour of the panes.
        key: Which windows are lit and what they mirror.
    """

    surface: Surface
    color: Floats
    floor: float
    bay: float
    pane: tuple[float, float]
    glass: Floats
    key: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Facade":
        """Pick brick, plaster or concrete with windows, or a curtain wall of glass, at random."""
        glass = pick(rng, ((0.16, 0.22, 0.30), (0.20, 0.28, 0.34), (0.14, 0.18, 0.24)))
        key = float(rng.integers(256))
        if rng.random() < 0.25:
            color = pick(rng, ((0.50, 0.56, 0.62), (0.42, 0.46, 0.50), (0.62, 0.64, 0.64)))
            return cls(
                surfaces.METAL, color, rng.uniform(3.2, 4), rng.uniform(2.4, 3.2), (0.80, 0.70), glass + 0.08, key
            )
        surface = (surfaces.BRICK, surfaces.PLASTER, surfaces.CONCRETE)[rng.integers(3)]
        color = pick(rng, surfaces.WALL_COLORS[surface.material])
        pane = (rng.uniform(0.40, 0.58), rng.uniform(0.48, 0.62))
        return cls(surface, color, rng.uniform(3.0, 3.8), rng.uniform(2.6, 3.4), pane, glass, key)

    def paint(
        self, stage: Stage, region: Region, u: Floats, v: Floats, size: tuple[float, float], what: str, light: float
    ) -> None:
        """Paint a wall with its windows.

        Args:
            stage: The scene.
            region: Where the wall is seen.
            u: Metres along the wall, broadcasting to the region.
            v: Metres above the ground.
            size: The wall's length and height in metres.
            what: The object.
            light: Brightness of this side.
        """
        length, height = size
        colors = self.surface.colors(u, v, self.color) * light
        colors *= 0.88 + 0.12 * smooth(v, 0, 0.6 * height)
        across, up = textures.fraction(u / self.bay), textures.fraction(v / self.floor)
        inside = (v > self.floor) & (v < height - 0.3 * self.floor) & (u > 0.1) & (u < length - 0.1)
        # The ground floor: shop windows in every second bay, a door in every fourth between them.
        shop = (v < 0.78 * self.floor) & (textures.fraction(u / (2 * self.bay)) < 0.62) & (np.abs(across - 0.5) < 0.42)
        window = inside & (np.abs(across - 0.5) < self.pane[0] / 2) & (np.abs(up - 0.52) < self.pane[1] / 2)
        frame = (
            inside & (np.abs(across - 0.5) < self.pane[0] / 2 + 0.06) & (np.abs(up - 0.52) < self.pane[1] / 2 + 0.07)
        )
        chance = textures.speckle(np.floor(u / self.bay) + self.key, np.floor(v / self.floor) + 7)
        mirror = np.clip(0.30 + 0.22 * chance + 0.25 * (up - 0.5), 0, 0.85)
        panes = mix(self.glass, stage.light.horizon / stage.light.tint, mirror) * (0.6 + 0.4 * light)
        if stage.light.lit:
            bright = chance > NormalDist().inv_cdf(1 - stage.light.lit)
            panes = np.where(bright, stage.light.glowing(rgb(0.98, 0.82, 0.50)), panes)
        pale = self.color * (1.18 * light)
        colors = np.where(frame, np.minimum(pale, 1), colors)
        opening = window | shop
        colors = np.where(opening, panes, colors)
        colors *= 1 - 0.25 * where(v > height - 0.25 * self.floor)
        stage.canvas.paint(region, colors, tag(what, self.surface.material, self.surface.texture, "wall"))
        stage.canvas.relabel(region.within(where(opening)), tag(what, "glass", "plain", "window"))
        if what == "building":
            fourth = textures.fraction(u / (4 * self.bay)) > 0.75
            entry = fourth & (v < 0.72 * self.floor) & (np.abs(across - 0.5) < 0.26)
            door = _DOORS[int(self.key) % len(_DOORS)] * light
            stage.canvas.paint(region.within(where(entry)), door, tag(what, "wood", "plain", "door"))


def block(stage: Stage, box: tuple[float, float, float, float], metre: float, facade: Facade, what: str) -> None:
    """Draw a building seen from the front: `box` is left, top, right, bottom, `metre` a metre in picture sides."""
    left, top, right, bottom = box
    region = stage.canvas.rectangle(left, top, right, bottom)
    size = ((right - left) / metre, (bottom - top) / metre)
    facade.paint(stage, region, (region.x - left) / metre, (bottom - region.y) / metre, size, what, 1.0)


def tower(stage: Stage, x: float, base: float, width: float, height: float, facade: Facade, what: str) -> None:
    """Draw a free-standing block in three-quarter view, with a roof of its own: a flat one, a step or a spire."""
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    metre = width / (facade.bay * max(3, round(width / 0.034)))
    turn, share = (1 if x < stage.camera.x else -1), rng.uniform(0.22, 0.34)
    left, right, top = x - width / 2, x + width / 2, base - height
    edge = right - share * width if turn > 0 else left + share * width
    roof = tag(what, "metal", "plain", "roof")
    kind = rng.integers(4)
    if kind == 0 and what == "skyscraper":
        canvas.paint(canvas.rectangle(x - 0.004, top - 0.09, x + 0.004, top), rgb(0.45, 0.46, 0.50), roof)
    if kind <= 1:
        canvas.paint(canvas.rectangle(x - 0.28 * width, top - 0.025, x + 0.28 * width, top), facade.color * 0.75, roof)
    for sign, (x0, x1) in (
        (-turn, sorted((edge, left if turn > 0 else right))),
        (turn, sorted((edge, right if turn > 0 else left))),
    ):
        region = canvas.rectangle(x0, top, x1, base)
        squeeze = 1.0 if sign == -turn else 1.7
        size = ((x1 - x0) * squeeze / metre, height / metre)
        u, v = (region.x - x0) * squeeze / metre, (base - region.y) / metre
        facade.paint(stage, region, u, v, size, what, light.faces(sign))


def row(stage: Stage, camera: Camera, side: int, wall: float, depths: tuple[float, ...], lowest: float) -> None:
    """Draw the buildings on one side of a street, far to near, their fronts `wall` metres from the viewer's axis.

    Args:
        stage: The scene.
        camera: The camera.
        side: -1 left, 1 right.
        wall: Distance of the fronts from the axis in metres.
        depths: Where one building ends and the next begins, in metres, ascending.
        lowest: Height of the lowest building in metres.
    """
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    for near, far in reversed(list(itertools.pairwise(depths))):
        height, facade = rng.uniform(lowest, 2.2 * lowest), Facade.draw(rng)
        a, b = camera.point(side * wall, 0, near), camera.point(side * wall, 0, far)
        c, d = camera.point(side * wall, height, far), camera.point(side * wall, height, near)
        # The face towards the viewer shows above or beside a nearer, lower building.
        end = canvas.rectangle(min(a[0], a[0] + side), d[1], max(a[0], a[0] + side), a[1])
        plain = facade.surface.colors(end.x / 0.02, (a[1] - end.y) / 0.02, facade.color)
        canvas.paint(end, plain * 0.86, tag("building", facade.surface.material, facade.surface.texture, "wall"))
        region = canvas.polygons((a, b, c, d))
        distance = wall / np.maximum(side * (region.x - camera.x), 0.004)
        v = camera.height - (region.y - camera.horizon) * distance
        facade.paint(stage, region, distance - near, v, (far - near, height), "building", light.faces(-side))
        haze = canvas.polygons((a, b, c, d)).within(smooth(distance, 15, 130))
        canvas.tint(haze, light.horizon / light.tint, 0.5)


def house(stage: Stage, x: float, base: float, width: float) -> None:
    """Draw a house with a gable towards the viewer, a long side in perspective, door, windows and a chimney."""
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    metre = width / 11
    turn = 1 if rng.random() < 0.5 else -1
    surface = (surfaces.BRICK, surfaces.PLASTER, surfaces.SIDING, surfaces.MASONRY)[rng.integers(4)]
    color = pick(rng, surfaces.WALL_COLORS[surface.material])
    roof_color = pick(rng, ((0.62, 0.28, 0.20), (0.48, 0.24, 0.20), (0.36, 0.36, 0.40), (0.45, 0.33, 0.26)))
    wall, rise = rng.uniform(0.34, 0.46) * width, rng.uniform(0.26, 0.38) * width
    gable, slant = rng.uniform(0.42, 0.50) * width, 0.05 * width
    corner = x + turn * (gable - width / 2)  # where gable and long side meet
    outer, far = x - turn * width / 2, x + turn * width / 2
    peak = (outer + corner) / 2
    stage.shadow(x, base, width, 0.06 * width)

    def walls(region: Region, brightness: float) -> None:
        colors = surface.colors((region.x - corner) / metre, (base - region.y) / metre, color)
        colors *= brightness
        canvas.paint(region, colors, tag("house", surface.material, surface.texture, "wall"))

    def pane(left: float, top: float, right: float, bottom: float) -> None:
        frame = min(0.012 * width, 0.25 * (right - left))
        canvas.tint(canvas.rectangle(left - frame, top - frame, right + frame, bottom + frame), rgb(0.93, 0.92, 0.88))
        region = canvas.rectangle(left, top, right, bottom)
        bright = light.glowing(rgb(0.98, 0.82, 0.50)) if rng.random() < light.lit else None
        glass = rgb(0.22, 0.30, 0.38) if bright is None else bright
        across, down = region.local((left, top, right, bottom))
        shine = (0.45 if bright is None else 0.0) * where(np.abs(across + down - 0.8) < 0.28)
        canvas.paint(region, mix(glass, light.horizon / light.tint, shine), tag("house", "glass", "plain", "window"))

    if rng.random() < 0.7:
        chimney = corner + turn * 0.22 * width
        region = canvas.rectangle(
            chimney - 0.045 * width, base - wall - 1.28 * rise, chimney + 0.045 * width, base - wall
        )
        colors = surfaces.BRICK.colors(region.x / metre, region.y / metre, rgb(0.52, 0.30, 0.26))
        canvas.paint(region, colors, tag("house", "brick", "bricked", "chimney"))
    walls(
        canvas.polygons(((corner, base), (far, base - slant), (far, base - wall - slant), (corner, base - wall))),
        light.faces(turn),
    )
    walls(
        canvas.polygons(
            ((outer, base), (corner, base), (corner, base - wall), (peak, base - wall - rise), (outer, base - wall))
        ),
        light.faces(-turn),
    )
    eaves = 0.03 * width
    slope = (
        (corner + turn * eaves, base - wall + eaves),
        (far + turn * eaves, base - wall - slant + 0.5 * eaves),
        (far + 0.55 * (peak - corner), base - wall - slant - 0.92 * rise),
        (peak, base - wall - rise - 0.02 * width),
    )
    region = canvas.polygons(slope)
    along: Floats = region.x - (region.y - base) * (0.4 * turn)
    tiles = surfaces.SHINGLES.colors(along / metre, (base - wall - region.y) * (1.3 / metre), roof_color)
    canvas.paint(region, tiles * light.faces(turn), tag("house", "roof tile", "shingled", "roof"))
    thick = 0.035 * width
    bargeboard = (
        (outer - turn * eaves, base - wall + eaves),
        (peak, base - wall - rise - 0.02 * width),
        (corner + turn * eaves, base - wall + eaves),
        (corner + turn * eaves, base - wall + eaves - thick),
        (peak, base - wall - rise - 0.02 * width - 1.3 * thick),
        (outer - turn * eaves, base - wall + eaves - thick),
    )
    canvas.paint(canvas.polygons(bargeboard), roof_color * 0.72, tag("house", "roof tile", "shingled", "roof"))
    door = outer + turn * gable * rng.uniform(0.26, 0.38)
    region = canvas.rectangle(door - 0.045 * width, base - 0.21 * width, door + 0.045 * width, base)
    wood = surfaces.WOOD.colors(
        region.y / metre, region.x / metre, pick(rng, ((0.42, 0.26, 0.16), (0.24, 0.36, 0.32), (0.50, 0.18, 0.16)))
    )
    canvas.paint(region, wood, tag("house", "wood", "grained", "door"))
    window = outer + turn * gable * 0.74
    pane(window - 0.05 * width, base - 0.20 * width, window + 0.05 * width, base - 0.09 * width)
    pane(peak - 0.04 * width, base - wall - 0.42 * rise, peak + 0.04 * width, base - wall - 0.06 * rise)
    for share in (0.28, 0.70):
        middle, lift = corner + (far - corner) * share, slant * share
        pane(middle - 0.05 * width, base - lift - 0.22 * width, middle + 0.05 * width, base - lift - 0.10 * width)
