"""Draw trees, rocks and sheep: things without straight edges, whose outlines are computed."""

import math

import numpy as np

from sceneparse.toyworld import textures
from sceneparse.toyworld.canvas import Floats, Region, mix, rgb
from sceneparse.toyworld.spaces import tag
from sceneparse.toyworld.surfaces import WOOD, pick
from sceneparse.toyworld.view import Stage

_LEAVES = ((0.20, 0.40, 0.14), (0.26, 0.44, 0.16), (0.16, 0.34, 0.16), (0.36, 0.44, 0.14))
_AUTUMN = ((0.66, 0.42, 0.12), (0.62, 0.30, 0.12), (0.60, 0.50, 0.16))
_NEEDLES = ((0.10, 0.26, 0.16), (0.13, 0.30, 0.17), (0.16, 0.30, 0.22))


def _bark(stage: Stage, region: Region, color: Floats) -> None:
    colors = WOOD.colors(region.y * 40, region.x * 60, color)
    stage.canvas.paint(region, colors, tag("tree", "wood", "grained", "trunk"))


def leafy_tree(stage: Stage, x: float, base: float, height: float, haze: float = 0) -> None:
    """Draw a broad-leaved tree: a trunk that forks and a crown of overlapping tufts, lit from the sun's side."""
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    leaf = pick(rng, _AUTUMN if rng.random() < 0.12 else _LEAVES)
    leaf, wood = light.haze(leaf, haze), light.haze(rgb(0.34, 0.25, 0.18), haze)
    width = max(0.045 * height, 0.004)
    top = base - 0.55 * height
    trunk = ((x - width, base), (x + width, base), (x + 0.5 * width, top), (x - 0.5 * width, top))
    boughs = [
        ((x, top + 0.18 * height), (x + s * 0.22 * height, top - 0.05 * height), (x, top + 0.12 * height))
        for s in (-1, 1)
    ]
    _bark(stage, canvas.polygons(trunk, *boughs), wood)
    rx, ry, y = rng.uniform(0.28, 0.36) * height, 0.34 * height, base - 0.66 * height
    region = canvas.box(x - 1.35 * rx, y - 1.25 * ry, x + 1.35 * rx, y + 1.25 * ry)
    field = np.full(region.cover.shape, -9, dtype=np.float32)
    bright = np.zeros_like(field)
    turn = rng.uniform(0, 1)
    for index in range(7):
        angle = index * math.pi / 3 + turn
        reach = 0.0 if index == 6 else 0.56
        a, b = x + reach * rx * math.cos(angle), y + reach * ry * math.sin(angle)
        r = rng.uniform(0.50, 0.66) if index < 6 else 0.7
        dx, dy = (region.x - a) / (r * rx), (region.y - b) / (r * ry)
        here = 1 - dx * dx - dy * dy
        nearer = here > field
        bright = np.where(nearer, light.side * 0.35 * dx - 0.5 * dy, bright)
        field = np.where(nearer, here, field)
    grain = 110 / math.sqrt(height)
    leaves = textures.rough(region.x * grain * 2 + rng.uniform(0, 256), region.y * grain * 2 + rng.uniform(0, 256))
    overall = light.side * (region.x - x) / rx * 0.5 - (region.y - y) / ry * 0.7
    brightness = 0.92 + light.sun * (0.22 * bright + 0.24 * overall) + 0.20 * leaves
    colors = leaf * np.clip(brightness, 0.32, 1.9)
    colors += (np.clip(leaves - 0.9, 0, 1) * (0.18 * light.sun * (1 - haze))) * rgb(0.9, 0.9, 0.3)
    soft = canvas.size * ry * 0.35
    crown = region.within(np.clip((field + 0.16 * leaves) * max(soft, 1.0) + 0.5, 0, 1))
    canvas.paint(crown, colors, tag("tree", "foliage", "leafy", "crown"))


def conifer(stage: Stage, x: float, base: float, height: float, haze: float = 0) -> None:
    """Draw a fir: boughs in tiers, ragged at the edges."""
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    color = light.haze(pick(rng, _NEEDLES), haze)
    half = rng.uniform(0.19, 0.26) * height
    trunk = max(0.025 * height, 0.003)
    _bark(
        stage,
        canvas.rectangle(x - trunk, base - 0.2 * height, x + trunk, base),
        light.haze(rgb(0.30, 0.22, 0.16), haze),
    )
    region = canvas.box(x - 1.2 * half, base - height, x + 1.2 * half, base - 0.07 * height)
    tiers = int(rng.integers(5, 8))
    down = (region.y - (base - height)) / (0.93 * height)
    tier = textures.fraction(down * tiers)
    reach = half * down * (0.62 + 0.45 * tier)
    needles = textures.rough(region.x * 260 + rng.uniform(0, 256), region.y * 150)
    edge = (reach + 0.06 * half * needles - np.abs(region.x - x)) * canvas.size + 0.5
    turned = light.side * (region.x - x) / half
    brightness = 0.78 + 0.40 * tier + light.sun * 0.30 * turned + 0.20 * needles
    colors = color * np.clip(brightness, 0.35, 1.9)
    canvas.paint(region.within(np.clip(edge, 0, 1)), colors, tag("tree", "foliage", "leafy", "crown"))


def trunk(stage: Stage, x: float, base: float, width: float, haze: float) -> None:
    """Draw a tall tree in a wood: the trunk runs out of the picture, its crown begins above."""
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    color = light.haze(pick(rng, ((0.32, 0.25, 0.19), (0.38, 0.30, 0.24), (0.44, 0.42, 0.38))), haze)
    lean = rng.normal(0, 0.02)
    shape = (
        (x - 0.62 * width, base),
        (x + 0.62 * width, base),
        (x + 0.36 * width + lean, 0),
        (x - 0.36 * width + lean, 0),
    )
    region = canvas.polygons(shape)
    around = np.clip((region.x - x) / (0.6 * width), -1, 1)
    bark = textures.rough(region.x * 420 + rng.uniform(0, 256), region.y * 70)
    light_on = 0.92 + light.side * 0.34 * around * (0.4 + 0.6 * light.sun) - 0.22 * around**2 + 0.15 * bark
    canvas.paint(region, color * np.clip(light_on, 0.3, 1.6), tag("tree", "wood", "grained", "trunk"))


def foliage(stage: Stage, bottom: float, haze: float, color: Floats, drop: float) -> None:
    """Draw a wood's leaves overhead or as a far wall: everything above a ragged line around `bottom`."""
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    region = canvas.box(0, 0, 1, bottom + 2.2 * drop)
    offset = rng.uniform(0, 256, 2)
    large = textures.clouds(region.x * 260 + offset[0], region.y * 260)
    leaves = textures.rough(region.x * 300 + offset[1], region.y * 300 + offset[0])
    edge = (bottom + drop * (0.8 * large + 0.35 * leaves) - region.y) * canvas.size + 0.5
    colors = light.haze(color, haze) * np.clip(0.88 + 0.20 * large + 0.22 * leaves, 0.3, 1.9)
    colors += (np.clip(leaves - 0.7, 0, 1) * (0.24 * light.sun)) * rgb(0.9, 0.9, 0.3)
    canvas.paint(region.within(np.clip(edge, 0, 1)), colors, tag("tree", "foliage", "leafy", "crown"))


def bush(stage: Stage, x: float, base: float, width: float, haze: float = 0) -> None:
    """Draw a shrub: a tree that is all crown."""
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    height = rng.uniform(0.5, 0.75) * width
    region = canvas.box(x - 0.6 * width, base - 1.15 * height, x + 0.6 * width, base + 0.002)
    dx, dy = (region.x - x) / (0.5 * width), (region.y - base) / height
    leaves = textures.rough(region.x * 280 + rng.uniform(0, 256), region.y * 280)
    field = 1 - dx * dx - dy * dy + 0.22 * leaves
    brightness = 0.72 - 0.45 * dy - 0.15 * (1 + dy) + 0.2 * light.side * light.sun * dx + 0.20 * leaves
    colors = light.haze(pick(rng, _LEAVES), haze) * np.clip(brightness, 0.3, 1.9)
    cover = np.clip(field * canvas.size * height * 0.4 + 0.5, 0, 1)
    canvas.paint(region.within(cover), colors, tag("tree", "foliage", "leafy", "crown"))


def boulder(stage: Stage, x: float, base: float, width: float) -> None:
    """Draw a rock that is recognisable by itself: grey, angular, with cracked and lit faces."""
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    height = rng.uniform(0.5, 0.7) * width
    stage.shadow(x, base, width, 0.14 * width)
    angles = np.sort(rng.uniform(0, np.pi, 7))
    reach = rng.uniform(0.82, 1.08, 7)
    rim = [(x + 0.5 * width * r * np.cos(t), base - height * r * np.sin(t)) for t, r in zip(angles, reach, strict=True)]
    region = canvas.polygons(((x + 0.5 * width, base + 0.04 * width), *rim, (x - 0.5 * width, base + 0.04 * width)))
    color = pick(rng, ((0.46, 0.45, 0.44), (0.40, 0.39, 0.40), (0.50, 0.46, 0.41)))
    faces = textures.relief(light.side * region.x * 200 + rng.uniform(0, 256), region.y * 200 + rng.uniform(0, 256))
    across, down = region.local((x - width / 2, base - height, x + width / 2, base))
    brightness = 1.12 - 0.45 * down + 0.5 * light.side * light.sun * (across - 0.5) - 0.16 * faces
    canvas.paint(region, color * np.clip(brightness, 0.3, 1.7), tag("rock", "stone", "rugged"))


def sheep(stage: Stage, x: float, base: float, width: float) -> None:
    """Draw a sheep that is recognisable by itself: standing, with a dark head and dark legs."""
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    turn = 1 if rng.random() < 0.5 else -1
    stage.shadow(x, base, 0.9 * width, 0.08 * width)
    dark = rgb(0.16, 0.14, 0.13)
    legs = [
        [(x + (a + b) * width, base - c * width) for b, c in ((-0.035, 0.3), (0.035, 0.3), (0.03, 0), (-0.03, 0))]
        for a in (-0.26, -0.14, 0.14, 0.26)
    ]
    canvas.paint(canvas.polygons(*legs), dark, tag("sheep", "wool", "plain", "leg"))
    y = base - 0.42 * width
    tufts = [
        (x + 0.30 * width * np.cos(t), y + 0.14 * width * np.sin(t), 0.15 * width, 0.14 * width)
        for t in np.arange(9) * 0.7
    ]
    body = canvas.ellipses((x, y, 0.38 * width, 0.24 * width), *tufts)
    across, down = body.local((x - width / 2, y - 0.3 * width, x + width / 2, y + 0.3 * width))
    curls = textures.rough(body.x * 500, body.y * 500)
    brightness = 1.0 - 0.42 * down + 0.25 * light.side * light.sun * (across - 0.5) + 0.06 * curls
    canvas.paint(body, rgb(0.93, 0.90, 0.84) * (0.12 + brightness), tag("sheep", "wool", "speckled", "body"))
    head = (x + turn * 0.43 * width, y - 0.10 * width)
    face = canvas.ellipses(
        (*head, 0.10 * width, 0.14 * width),
        (head[0] - turn * 0.09 * width, head[1] - 0.1 * width, 0.06 * width, 0.03 * width),
    )
    canvas.paint(face, mix(dark, rgb(0.4, 0.36, 0.34), 0.15), tag("sheep", "wool", "plain", "head"))
