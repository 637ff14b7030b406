"""Draw people, furniture and street furniture that can be recognised without the scene around them."""

from dataclasses import dataclass

import numpy as np

from sceneparse.toyworld import textures
from sceneparse.toyworld.canvas import Floats, Point, mix, rgb, smooth
from sceneparse.toyworld.spaces import tag
from sceneparse.toyworld.surfaces import FABRIC_COLORS, FABRICS, WOOD, Surface, pick
from sceneparse.toyworld.view import Stage

_SKIN = ((0.90, 0.72, 0.58), (0.72, 0.52, 0.38), (0.48, 0.33, 0.24), (0.84, 0.64, 0.48))
_HAIR = ((0.16, 0.11, 0.08), (0.42, 0.28, 0.14), (0.10, 0.09, 0.09), (0.72, 0.56, 0.30))


@dataclass(frozen=True)
class Cloth:
    """A fabric and its colour."""

    surface: Surface
    color: Floats

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Cloth":
        """Pick one of five weaves and patterns and one of seven colours at random."""
        return cls(FABRICS[rng.integers(len(FABRICS))], pick(rng, FABRIC_COLORS))


def person(stage: Stage, x: float, base: float, height: float) -> None:
    """Draw someone walking: head and hair, a patterned shirt, arms, legs and shoes."""
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    turn = 1 if rng.random() < 0.5 else -1
    skin, cloth = pick(rng, _SKIN), Cloth.draw(rng)
    trousers = pick(rng, ((0.18, 0.22, 0.34), (0.24, 0.22, 0.20), (0.42, 0.38, 0.30), (0.12, 0.12, 0.14)))
    step = rng.uniform(0.03, 0.09)
    stage.shadow(x, base, 0.30 * height, 0.035 * height)

    def to_picture(*points: Point) -> list[Point]:
        return [(x + turn * a * height, base - b * height) for a, b in points]

    for sign, dim in ((-1, 0.78), (1, 1.0)):
        leg = canvas.polygons(
            to_picture(
                (-0.085 + 0.03 * sign, 0.50),
                (0.055 + 0.03 * sign, 0.50),
                (0.035 + sign * step, 0.0),
                (-0.035 + sign * step, 0.0),
            )
        )
        canvas.paint(leg, trousers * dim, tag("person", "fabric", "plain", "leg"))
        shoe = canvas.polygons(
            to_picture(
                (sign * step - 0.04, 0.03),
                (sign * step + 0.065, 0.03),
                (sign * step + 0.065, 0.0),
                (sign * step - 0.04, 0.0),
            )
        )
        canvas.tint(shoe, rgb(0.12, 0.10, 0.09))
    back = canvas.polygons(to_picture((-0.10, 0.80), (-0.04, 0.80), (-0.10 - step, 0.47), (-0.15 - step, 0.47)))
    canvas.paint(back, skin * 0.8, tag("person", "skin", "plain", "arm"))
    torso = canvas.polygons(
        to_picture((-0.12, 0.80), (-0.06, 0.84), (0.06, 0.84), (0.12, 0.80), (0.11, 0.47), (-0.11, 0.47))
    )
    colors = cloth.surface.colors((torso.x - x) * (2.2 / height), (base - torso.y) * (2.2 / height), cloth.color)
    colors *= 1.0 + 0.35 * light.side * light.sun * np.clip((torso.x - x) / (0.24 * height), -0.5, 0.5)
    canvas.paint(torso, colors, tag("person", "fabric", cloth.surface.texture, "torso"))
    arm = canvas.polygons(to_picture((0.04, 0.79), (0.11, 0.79), (0.15 + step, 0.48), (0.10 + step, 0.47)))
    canvas.paint(arm, skin, tag("person", "skin", "plain", "arm"))
    head = tag("person", "skin", "plain", "head")
    canvas.paint(canvas.ellipses((x, base - 0.92 * height, 0.062 * height, 0.078 * height)), skin, head)
    canvas.tint(
        canvas.ellipses((x - turn * 0.012 * height, base - 0.955 * height, 0.066 * height, 0.048 * height)),
        pick(rng, _HAIR),
    )


def traffic_light(stage: Stage, x: float, base: float, height: float) -> None:
    """Draw a traffic light: three lamps, one of them lit, in a dark housing on a pole."""
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    pole, half, tall = max(0.022 * height, 0.0045), 0.088 * height, 0.38 * height
    stage.shadow(x, base, 0.10 * height, 0.015 * height)
    canvas.paint(
        canvas.rectangle(x - pole, base - 0.72 * height, x + pole, base),
        rgb(0.30, 0.32, 0.33),
        tag("traffic light", "metal", "plain", "pole"),
    )
    top = base - height
    box = canvas.rectangle(x - half, top, x + half, top + tall)
    canvas.paint(box, rgb(0.09, 0.10, 0.10), tag("traffic light", "metal", "plain", "housing"))
    lit = rng.integers(3)
    for index, color in enumerate((rgb(1.0, 0.20, 0.14), rgb(1.0, 0.74, 0.16), rgb(0.22, 0.95, 0.42))):
        y = top + tall * (0.2 + 0.3 * index)
        lamp = canvas.ellipses((x, y, 0.62 * half, 0.125 * tall))
        canvas.paint(
            lamp,
            light.glowing(color) if index == lit else color * 0.30,
            tag("traffic light", "glass", "plain", "light"),
        )
        if index == lit:
            canvas.tint(canvas.blob(x, y, 2.4 * half, 2.4 * half), light.glowing(color), 0.30)


def parasol(stage: Stage, x: float, base: float, height: float) -> None:
    """Draw a beach umbrella that is recognisable by itself: a wide canopy of coloured gores on a leaning pole."""
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    color, pale = pick(rng, FABRIC_COLORS[:4]), rgb(0.96, 0.94, 0.88)
    lean = rng.uniform(-0.10, 0.10) * height
    half, rise = 0.62 * height, 0.42 * height
    stage.shadow(x - light.side * 0.2 * height, base, 1.3 * height, 0.12 * height)
    thick, middle, rim = max(0.016 * height, 0.003), x + lean, base - 0.60 * height
    canvas.paint(
        canvas.polygons(
            (
                (x - thick, base),
                (x + thick, base),
                (middle + thick, rim - 0.1 * height),
                (middle - thick, rim - 0.1 * height),
            )
        ),
        rgb(0.86, 0.84, 0.80),
        tag("umbrella", "wood", "plain", "pole"),
    )
    region = canvas.box(middle - half, rim - rise, middle + half, rim + 0.05 * height)
    across = np.clip((region.x - middle) / half, -1, 1)
    dome = rim - rise * np.sqrt(1 - across**2)
    gore = np.arcsin(across) / np.pi * 6  # gores narrow towards the rim's ends, as on a turned shape
    hem = rim - 0.05 * height * np.abs(np.sin(gore * np.pi))
    cover = np.clip((region.y - dome) * canvas.size + 0.5, 0, 1) * np.clip((hem - region.y) * canvas.size + 0.5, 0, 1)
    _, down = region.local((0, rim - rise, 1, rim))
    colors = mix(color, pale, np.floor(gore + 60) % 2)
    colors = colors * (1.06 - 0.22 * down + 0.22 * light.side * light.sun * across)
    canvas.paint(region.within(cover), colors, tag("umbrella", "fabric", "striped", "canopy"))


def floor_lamp(stage: Stage, x: float, base: float, height: float) -> None:
    """Draw a lamp that is recognisable by itself: a tall thin pole, a foot and a bright shade with its glow."""
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    stage.shadow(x, base, 0.24 * height, 0.03 * height)
    metal, pole = rgb(0.30, 0.26, 0.20), max(0.011 * height, 0.003)
    canvas.tint(
        canvas.blob(x, base - 0.86 * height, 0.42 * height, 0.36 * height), light.glowing(rgb(1.0, 0.86, 0.56)), 0.55
    )
    canvas.paint(
        canvas.ellipses((x, base - 0.012 * height, 0.10 * height, 0.022 * height)),
        metal,
        tag("lamp", "metal", "plain", "base"),
    )
    canvas.paint(
        canvas.rectangle(x - pole, base - 0.80 * height, x + pole, base - 0.01 * height),
        metal,
        tag("lamp", "metal", "plain", "pole"),
    )
    top, bottom = base - height, base - 0.76 * height
    shade = canvas.polygons(
        ((x - 0.08 * height, top), (x + 0.08 * height, top), (x + 0.14 * height, bottom), (x - 0.14 * height, bottom))
    )
    across, down = shade.local((x - 0.14 * height, top, x + 0.14 * height, bottom))
    warm = light.glowing(
        mix(pick(rng, ((0.98, 0.86, 0.60), (0.98, 0.78, 0.58), (0.94, 0.90, 0.74))), rgb(1, 0.97, 0.85), 0.3)
    )
    glow = 1.08 - 0.9 * (across - 0.5) ** 2 - 0.12 * down
    canvas.paint(shade, warm * glow, tag("lamp", "fabric", "plain", "shade"))


def bed(stage: Stage, left: float, right: float, head: float, foot: float, rise: float, eye: float) -> None:
    """Draw a bed seen from its foot: headboard, a cover that falls over the end, and pillows of the same fabric.

    Args:
        stage: The scene.
        left: Left end of the bed's head.
        right: Right end of the bed's head.
        head: Height of the picture where the head stands on the floor.
        foot: Height of the picture where the foot stands on the floor.
        rise: The mattress's height over the floor at the head.
        eye: Height of the picture at which its long sides meet.
    """
    canvas, camera, rng = stage.canvas, stage.camera, stage.rng
    cloth = Cloth.draw(rng)
    wood = pick(rng, ((0.40, 0.26, 0.16), (0.58, 0.42, 0.28), (0.74, 0.70, 0.64), (0.26, 0.20, 0.18)))
    width = right - left
    grow = (foot - eye) / (head - eye)
    x0, x1 = camera.x + (left - camera.x) * grow, camera.x + (right - camera.x) * grow
    high, top, end = head - rise, head - 1.9 * rise, foot - rise * grow
    stage.shadow((x0 + x1) / 2, foot, (x1 - x0) * 0.95, 0.05 * width, 0.7)
    board = canvas.rectangle(left - 0.02 * width, top, right + 0.02 * width, head)
    _, down = board.local((0, top, 1, head))
    veins = WOOD.colors(board.x * 14, board.y * 14, wood) * (1.1 - 0.25 * down)
    canvas.paint(board, veins, tag("bed", "wood", "grained", "headboard"))
    feet = [
        (
            (a - 0.03 * width, foot - 0.3 * rise),
            (a + 0.03 * width, foot - 0.3 * rise),
            (a + 0.022 * width, foot),
            (a - 0.022 * width, foot),
        )
        for a in (x0 + 0.04 * width, x1 - 0.04 * width)
    ]
    canvas.paint(canvas.polygons(*feet), wood * 0.6, tag("bed", "wood", "grained", "leg"))
    deep = rise * grow
    rail = canvas.rectangle(x0 + 0.01 * width, foot - 0.40 * deep, x1 - 0.01 * width, foot - 0.16 * deep)
    canvas.paint(rail, wood * 0.75, tag("bed", "wood", "grained", "frame"))
    cover = tag("bed", "fabric", cloth.surface.texture, "cover")
    top_face = canvas.polygons(((left, high), (right, high), (x1, end), (x0, end)))
    away = (end - eye) / np.maximum(top_face.y - eye, 0.01)
    u, v = (top_face.x - camera.x) * away * (2.0 / (x1 - x0)), away * 2.4
    folds = textures.clouds(u * 40 + rng.uniform(0, 256), v * 30)
    canvas.paint(top_face, cloth.surface.colors(u, v, cloth.color) * (1.04 + 0.04 * folds), cover)
    front = canvas.polygons(
        ((x0, end), (x1, end), (x1 + 0.01 * width, foot - 0.34 * deep), (x0 - 0.01 * width, foot - 0.34 * deep))
    )
    u, v = (front.x - camera.x) * (2.0 / (x1 - x0)), 2.4 + (front.y - end) * (2.0 / (x1 - x0))
    canvas.paint(front, cloth.surface.colors(u, v, cloth.color) * 0.78, cover)
    count = 2 if rng.random() < 0.8 else 1
    for index in range(count):
        x = left + width * (index + 0.5) / count + rng.normal(0, 0.01) * width
        pillow(stage, x, high + 0.30 * rise + 0.04 * width, width * (0.40 if count == 2 else 0.52), cloth)
    if rng.random() < 0.5:
        pillow(
            stage,
            (left + right) / 2 + rng.normal(0, 0.04) * width,
            high + 0.55 * rise + 0.06 * width,
            0.30 * width,
            cloth,
        )


def pillow(stage: Stage, x: float, base: float, width: float, cloth: Cloth) -> None:
    """Draw a cushion of the given fabric: only its light and its edge show that it is one."""
    canvas, light = stage.canvas, stage.light
    height = 0.52 * width
    y = base - height / 2
    canvas.shade(canvas.blob(x - light.side * 0.05 * width, base, 0.60 * width, 0.16 * width), 0.45)
    region = canvas.box(x - 0.52 * width, y - 0.54 * height, x + 0.52 * width, y + 0.54 * height)
    dx, dy = (region.x - x) / (0.5 * width), (region.y - y) / (0.5 * height)
    # A rounded square with drawn-in sides: |x|^4 + |y|^4 <= 1, pinched in the middle.
    field = 1 - np.abs(dx * (1 + 0.06 * (1 - dy * dy))) ** 4 - np.abs(dy * (1 + 0.10 * (1 - dx * dx))) ** 4
    cover = np.clip(field * canvas.size * height * 0.15 + 0.5, 0, 1)
    colors = cloth.surface.colors(dx * 0.55, dy * 0.30, cloth.color)
    brightness = 1.10 - 0.20 * smooth(dy, -0.3, 1) + 0.12 * light.side * dx - 0.22 * smooth(field, 0.45, 0.0)
    canvas.paint(region.within(cover), colors * brightness, tag("pillow", "fabric", cloth.surface.texture))
