"""Paint the indoor scene: a bedroom."""

import numpy as np

from sceneparse.toyworld import grounds, surfaces, things
from sceneparse.toyworld.canvas import mix, rgb
from sceneparse.toyworld.lookalikes import BAND_TOP
from sceneparse.toyworld.spaces import tag
from sceneparse.toyworld.surfaces import pick
from sceneparse.toyworld.textures import dots, stripes
from sceneparse.toyworld.view import Stage


def bedroom(stage: Stage, planted: bool) -> None:
    """Paint a bedroom: a back wall with a window and a picture, floor boards, a bed with pillows, a lamp.

    With a look-alike planted, the room is seen from far away and fills only the top of the picture.
    """
    canvas, camera, rng = stage.canvas, stage.camera, stage.rng
    line = 0.335 if planted else rng.uniform(0.50, 0.58)
    paper = pick(
        rng, ((0.86, 0.82, 0.74), (0.70, 0.78, 0.80), (0.84, 0.74, 0.70), (0.76, 0.80, 0.70), (0.80, 0.80, 0.84))
    )
    wall = canvas.box(0, 0, 1, line)
    pattern = rng.random()
    colors = surfaces.PLASTER.colors(wall.x * 4, wall.y * 4, paper)
    texture = "plain"
    if pattern < 0.25:
        texture, colors = "striped", mix(colors, paper * 0.86, 0.8 * stripes(wall.x * 16, wall.y))
    elif pattern < 0.40:
        texture, colors = "dotted", mix(colors, rgb(0.98, 0.96, 0.92), 0.7 * dots(wall.x * 14, wall.y * 14))
    colors = colors * (1.02 - 0.22 * np.abs(wall.x - 0.5 - 0.2 * stage.light.side) - 0.10 * wall.y)
    canvas.paint(wall, colors, tag("wall", "plaster", texture))
    grounds.planks(stage, canvas.box(0, line, 1, 1))
    canvas.shade(canvas.box(0, line, 1, line + 0.03), 0.18)
    skirting = canvas.rectangle(0, line - 0.022, 1, line)
    canvas.paint(skirting, rgb(0.93, 0.92, 0.89), tag("wall", "wood", "plain", "skirting"))
    side = 1 if rng.random() < 0.5 else -1
    scale = 0.62 if planted else 1.0
    _window(stage, 0.5 + side * rng.uniform(0.26, 0.32), 0.04 * scale + 0.02, line * 0.62, rng.uniform(0.22, 0.30))
    _picture(
        stage, 0.5 - side * rng.uniform(0.02, 0.14), line * rng.uniform(0.22, 0.30), scale * rng.uniform(0.10, 0.14)
    )
    middle = 0.5 - side * rng.uniform(0.02, 0.14)
    if planted:
        things.bed(stage, middle - 0.16, middle + 0.16, line - 0.01, BAND_TOP[0] + 0.02, 0.06, 0.10)
        return
    lamp = middle + side * rng.uniform(0.36, 0.42)
    behind = rng.random() < 0.85
    if behind:
        things.floor_lamp(stage, lamp, line + rng.uniform(0.03, 0.08), rng.uniform(0.34, 0.42))
    half = rng.uniform(0.19, 0.24)
    things.bed(
        stage,
        middle - half,
        middle + half,
        line + 0.02,
        rng.uniform(0.80, 0.94),
        rng.uniform(0.13, 0.16),
        camera.horizon,
    )


def _window(stage: Stage, x: float, top: float, bottom: float, width: float) -> None:
    canvas = stage.canvas
    left, right = x - width / 2, x + width / 2
    canvas.tint(canvas.rectangle(left - 0.02, top - 0.02, right + 0.02, bottom + 0.02), rgb(0.94, 0.93, 0.90))
    grounds.sky(stage, bottom + 0.02, "wall", "window", canvas.box(left, top, right, bottom))
    canvas.relabel(canvas.box(left, top, right, bottom), tag("wall", "glass", "plain", "window"))
    bars = [
        canvas.rectangle(x - 0.005, top, x + 0.005, bottom),
        canvas.rectangle(left, top + 0.36 * (bottom - top) - 0.004, right, top + 0.36 * (bottom - top) + 0.004),
    ]
    for bar in bars:
        canvas.tint(bar, rgb(0.94, 0.93, 0.90))
    canvas.tint(canvas.rectangle(left - 0.03, bottom + 0.015, right + 0.03, bottom + 0.03), rgb(0.86, 0.85, 0.82))


def _picture(stage: Stage, x: float, y: float, size: float) -> None:
    canvas, rng = stage.canvas, stage.rng
    wide = size * rng.uniform(0.8, 1.3)
    canvas.paint(
        canvas.rectangle(x - wide / 2 - 0.01, y - size / 2 - 0.01, x + wide / 2 + 0.01, y + size / 2 + 0.01),
        pick(rng, ((0.30, 0.20, 0.12), (0.12, 0.12, 0.13), (0.70, 0.58, 0.30))),
        tag("wall", "wood", "plain", "picture"),
    )
    region = canvas.rectangle(x - wide / 2, y - size / 2, x + wide / 2, y + size / 2)
    across, down = region.local((x - wide / 2, y - size / 2, x + wide / 2, y + size / 2))
    land = down > 0.58 + 0.12 * np.sin(across * rng.uniform(3, 8) + rng.uniform(0, 6))
    first, second = pick(rng, surfaces.FABRIC_COLORS), pick(rng, surfaces.FABRIC_COLORS)
    colors = np.where(land, first, mix(second, rgb(1, 0.96, 0.86), 0.7 - 0.4 * down))
    canvas.tint(region, colors)
