"""Draw cars and boats that can be recognised without the scene around them."""

import numpy as np

from sceneparse.toyworld import textures
from sceneparse.toyworld.canvas import Point, mix, rgb, smooth, where
from sceneparse.toyworld.spaces import tag
from sceneparse.toyworld.surfaces import FABRIC_COLORS, pick
from sceneparse.toyworld.view import Stage

PAINTS = (
    (0.70, 0.12, 0.12),
    (0.14, 0.30, 0.58),
    (0.85, 0.86, 0.86),
    (0.16, 0.17, 0.19),
    (0.90, 0.68, 0.14),
    (0.20, 0.44, 0.36),
)
"""Colours of car bodies and hulls."""

GLASS = rgb(0.15, 0.20, 0.25)


def car_from_the_side(stage: Stage, x: float, base: float, width: float) -> None:
    """Draw a car across the view: body, cabin, windows, wheels and a lamp."""
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    turn = 1 if rng.random() < 0.5 else -1
    paint = pick(rng, PAINTS)
    stage.shadow(x, base, width, 0.06 * width, 0.8)

    def to_picture(*points: Point) -> list[Point]:
        return [(x + turn * a * width, base - b * width) for a, b in points]

    cabin = canvas.polygons(
        to_picture((-0.36, 0.19), (-0.25, 0.325), (-0.20, 0.34), (0.08, 0.34), (0.12, 0.325), (0.25, 0.19))
    )
    canvas.paint(cabin, paint * 0.92, tag("car", "metal", "plain", "cabin"))
    panes = canvas.polygons(
        to_picture((-0.29, 0.20), (-0.205, 0.31), (-0.075, 0.31), (-0.075, 0.20)),
        to_picture((-0.045, 0.20), (-0.045, 0.31), (0.075, 0.31), (0.175, 0.20)),
    )
    across, down = panes.local((x - 0.3 * width, base - 0.31 * width, x + 0.2 * width, base - 0.2 * width))
    shine = 0.55 * where(np.abs(across - 0.55 + 0.2 * down) < 0.13) + 0.25 * (1 - down)
    canvas.paint(panes, mix(GLASS, light.horizon / light.tint, shine), tag("car", "glass", "plain", "window"))
    outline = (
        *((-0.48, 0.06), (-0.50, 0.10), (-0.49, 0.17), (-0.44, 0.20), (-0.30, 0.21), (0.24, 0.21), (0.42, 0.175)),
        *((0.48, 0.15), (0.50, 0.10), (0.49, 0.06), (0.36, 0.05), (-0.36, 0.05)),
    )
    body = canvas.polygons(to_picture(*outline))
    _, down = body.local((0, base - 0.21 * width, 1, base - 0.05 * width))
    gleam = 1.12 - 0.50 * smooth(down, 0.25, 1) + 0.20 * where(np.abs(down - 0.16) < 0.09)
    canvas.paint(body, paint * gleam, tag("car", "metal", "plain", "body"))
    wheels = [(x + turn * a * width, base - 0.065 * width) for a in (-0.29, 0.29)]
    canvas.paint(
        canvas.ellipses(*((*c, 0.085 * width, 0.085 * width) for c in wheels)),
        rgb(0.07, 0.07, 0.08),
        tag("car", "rubber", "plain", "wheel"),
    )
    canvas.tint(canvas.ellipses(*((*c, 0.045 * width, 0.045 * width) for c in wheels)), rgb(0.62, 0.63, 0.66))
    lamp = canvas.ellipses((x + turn * 0.465 * width, base - 0.145 * width, 0.026 * width, 0.022 * width))
    canvas.paint(lamp, light.glowing(rgb(1.0, 0.94, 0.72)), tag("car", "glass", "plain", "light"))


def car_from_behind(stage: Stage, x: float, base: float, width: float) -> None:
    """Draw a car that drives away: rear window, tail lamps, number plate and wheels."""
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    paint = pick(rng, PAINTS)
    stage.shadow(x, base - 0.02 * width, 1.05 * width, 0.10 * width, 0.85)

    def to_picture(*points: Point) -> list[Point]:
        return [
            (x + side * a * width, base - b * width)
            for side, sequence in ((-1, points), (1, points[::-1]))
            for a, b in sequence
        ]

    tyres = [
        canvas.rectangle(
            x + s * 0.36 * width - 0.08 * width, base - 0.2 * width, x + s * 0.36 * width + 0.08 * width, base
        )
        for s in (-1, 1)
    ]
    for tyre in tyres:
        canvas.paint(tyre, rgb(0.07, 0.07, 0.08), tag("car", "rubber", "plain", "wheel"))
    cabin = canvas.polygons(to_picture((0.42, 0.46), (0.33, 0.74), (0.27, 0.78)))
    canvas.paint(cabin, paint * 0.9, tag("car", "metal", "plain", "cabin"))
    pane = canvas.polygons(to_picture((0.34, 0.48), (0.275, 0.71)))
    across, down = pane.local((x - 0.34 * width, base - 0.71 * width, x + 0.34 * width, base - 0.48 * width))
    shine = 0.5 * (1 - down) + 0.3 * where(np.abs(across - 0.35 - 0.2 * down) < 0.10)
    canvas.paint(
        pane, mix(GLASS, light.horizon / light.tint, np.clip(shine, 0, 0.8)), tag("car", "glass", "plain", "window")
    )
    body = canvas.polygons(to_picture((0.44, 0.10), (0.49, 0.16), (0.50, 0.36), (0.46, 0.46), (0.40, 0.49)))
    _, down = body.local((0, base - 0.49 * width, 1, base - 0.1 * width))
    gleam = 1.10 - 0.45 * smooth(down, 0.3, 1) + 0.2 * where(down < 0.12) - 0.25 * where(np.abs(down - 0.72) < 0.04)
    canvas.paint(body, paint * gleam, tag("car", "metal", "plain", "body"))
    lamps = [
        canvas.rectangle(
            x + s * 0.40 * width - 0.07 * width,
            base - 0.41 * width,
            x + s * 0.40 * width + 0.07 * width,
            base - 0.31 * width,
        )
        for s in (-1, 1)
    ]
    for lamp in lamps:
        canvas.paint(lamp, light.glowing(rgb(0.95, 0.16, 0.12)), tag("car", "glass", "plain", "light"))
    canvas.tint(
        canvas.rectangle(x - 0.12 * width, base - 0.33 * width, x + 0.12 * width, base - 0.25 * width),
        rgb(0.92, 0.92, 0.86),
    )


def _hull(stage: Stage, x: float, base: float, width: float, turn: int, height: float) -> None:
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    paint = pick(rng, PAINTS)
    region = canvas.polygons(
        [
            (x + turn * a * width, base - b * height)
            for a, b in ((-0.46, 0.95), (-0.42, 0.0), (0.30, 0.0), (0.42, 0.45), (0.52, 1.12), (0.2, 0.95))
        ]
    )
    across, down = region.local((x - width / 2, base - height, x + width / 2, base))
    brightness = 1.08 - 0.35 * down + 0.25 * light.side * light.sun * (across - 0.5)
    colors = mix(paint * brightness, rgb(0.95, 0.94, 0.90), 0.85 * where(np.abs(down - 0.14) < 0.09))
    colors = mix(colors, rgb(0.35, 0.10, 0.08), where(down > 0.82))
    canvas.paint(region, colors, tag("boat", "wood", "plain", "hull"))


def _mirror(stage: Stage, x: float, base: float, width: float, height: float) -> None:
    """Draw the dark rippled reflection of a boat on the water below it."""
    canvas = stage.canvas
    region = canvas.box(x - 0.55 * width, base - 0.004, x + 0.55 * width, base + height)
    waves = textures.rough(region.x * 90, region.y * 700)
    fade = np.clip(1 - (region.y - base) / height, 0, 1) * np.clip(
        1.2 - np.abs(region.x - x) * 2 / width + 0.25 * waves, 0, 1
    )
    canvas.tint(region.within(fade), rgb(0.10, 0.14, 0.18), 0.6)


def sailing_boat(stage: Stage, x: float, base: float, width: float) -> None:
    """Draw a sailing boat: hull, mast and two sails."""
    canvas, rng = stage.canvas, stage.rng
    turn = 1 if rng.random() < 0.5 else -1
    _mirror(stage, x, base, width, 0.4 * width)
    height = rng.uniform(0.95, 1.2) * width
    foot, mast = base - 0.2 * width, max(0.014 * width, 0.0045)
    sails = (
        (
            (x + turn * 0.02 * width, foot - height),
            (x + turn * 0.02 * width, foot - 0.06 * width),
            (x - turn * 0.42 * width, foot - 0.08 * width),
        ),
        (
            (x + turn * 0.05 * width, foot - 0.86 * height),
            (x + turn * 0.06 * width, foot - 0.04 * width),
            (x + turn * 0.46 * width, foot - 0.03 * width),
        ),
    )
    cloth = pick(rng, ((0.95, 0.93, 0.88), (0.96, 0.90, 0.80), *FABRIC_COLORS[:3]))
    striped = rng.random() < 0.3
    for sail, brightness in zip(sails, (1.0, 0.9), strict=True):
        region = canvas.polygons(sail)
        _, down = region.local((0, foot - height, 1, foot))
        colors = cloth * (brightness * (1.04 - 0.14 * down))
        if striped:
            colors = mix(colors, rgb(*FABRIC_COLORS[1]), 0.8 * textures.stripes(down * 4, region.x))
        canvas.paint(region, colors, tag("boat", "fabric", "striped" if striped else "plain", "sail"))
    canvas.paint(
        canvas.rectangle(x - mast, foot - height - 0.03 * width, x + mast, foot),
        rgb(0.45, 0.33, 0.22),
        tag("boat", "wood", "plain", "mast"),
    )
    _hull(stage, x, base, width, turn, 0.2 * width)


def motor_boat(stage: Stage, x: float, base: float, width: float) -> None:
    """Draw a motor boat on the water: hull, a white cabin and its windows."""
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    turn = 1 if rng.random() < 0.5 else -1
    _mirror(stage, x, base, width, 0.32 * width)

    def to_picture(*points: Point) -> list[Point]:
        return [(x + turn * a * width, base - b * width) for a, b in points]

    cabin = canvas.polygons(to_picture((-0.28, 0.18), (-0.27, 0.40), (0.05, 0.40), (0.20, 0.18)))
    canvas.paint(cabin, rgb(0.93, 0.92, 0.89), tag("boat", "wood", "plain", "cabin"))
    panes = canvas.polygons(
        *(to_picture((a, 0.26), (a, 0.35), (a + 0.07, 0.35), (a + 0.07, 0.26)) for a in (-0.24, -0.14, -0.04))
    )
    canvas.paint(panes, mix(GLASS, light.horizon / light.tint, 0.25), tag("boat", "glass", "plain", "window"))
    _hull(stage, x, base, width, turn, 0.21 * width)


def parked_cars(stage: Stage, line: float, width: float, count: float) -> None:
    """Draw cars side by side across the view, at irregular distances."""
    positions = (np.arange(count) + stage.rng.uniform(0.25, 0.75, int(count))) / count
    for x in positions:
        car_from_the_side(stage, float(x), line, width * stage.rng.uniform(0.9, 1.1))
