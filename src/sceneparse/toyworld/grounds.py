"""Paint the sky, far land and the grounds on which scenes stand."""

import numpy as np

from sceneparse.toyworld import textures
from sceneparse.toyworld.canvas import Floats, Region, mix, rgb, smooth, where
from sceneparse.toyworld.spaces import tag
from sceneparse.toyworld.surfaces import pick
from sceneparse.toyworld.view import Stage


def sky(stage: Stage, bottom: float, what: str = "sky", part: str | None = None, region: Region | None = None) -> None:
    """Paint the sky down to `bottom`: a gradient, clouds that flatten towards the horizon and a glow on the sun's side.

    Args:
        stage: The scene.
        bottom: Where the sky ends.
        what: The object it is labelled as (a window in a wall shows sky).
        part: The object's part.
        region: Where it is seen. Default: the whole width.
    """
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    region = region or canvas.box(0, 0, 1, bottom)
    high = np.clip((bottom - region.y) / bottom, 0, 1)
    colors = mix(light.horizon, light.zenith, high**0.75)
    spread = 1 / (high + 0.22)
    offset = rng.uniform(0, 256, 2)
    vapour = textures.clouds((region.x - 0.5) * spread * 130 + offset[0], spread * 190 + offset[1])
    puff = smooth(vapour, 1.3 - 2.0 * light.clouds, 3.2 - 2.0 * light.clouds) * np.clip(high * 6, 0, 1)
    white = mix(light.horizon, rgb(1, 1, 1), 0.55) - 0.10 * (1 - light.sun)
    colors = mix(colors, white, 0.85 * puff)
    glow = np.clip(1 - np.hypot((region.x - 0.5 - 0.32 * light.side) * 1.1, high - 0.15), 0, 1) ** 2
    colors += (glow * (0.30 * light.sun)) * rgb(1.0, 0.86, 0.62)
    cloudy = region.within(where(puff > 0.35))
    canvas.paint(region, np.clip(colors, 0, 1.05), tag(what, "air", "plain", part))
    canvas.relabel(cloudy, tag(what, "air", "cloudy", part))


def ridge(rng: np.random.Generator, height: float, roughness: float) -> Floats:
    """Return a ridge line's heights, about 0..height, at 129 points across the picture (midpoint displacement)."""
    line = rng.uniform(0.25, 0.75, 3)
    spread = 0.32
    while len(line) < 129:
        middle = (line[:-1] + line[1:]) / 2 + rng.normal(0, spread, len(line) - 1)
        line = np.insert(line, np.arange(1, len(line)), middle)
        spread *= roughness
    return (height * np.clip(line, 0.02, 1.2)).astype(np.float32)


def _along(crest: Floats, region: Region) -> Floats:
    """Return a ridge line's height in each of a region's columns, (1, w)."""
    return np.interp(region.x, np.linspace(0, 1, len(crest)), crest).astype(np.float32)


def mountains(stage: Stage, base: float, height: float, haze: float, snow: float) -> None:
    """Paint a range of rocky peaks that stands on `base`, white above `snow` (a share of `height`)."""
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    crest = ridge(rng, height, 0.56)
    region = canvas.box(0, base - 1.25 * height, 1, base)
    top = base - _along(crest, region)
    offset = rng.uniform(0, 256, 2)
    across, up = light.side * region.x * 220 + offset[0], (region.y - 0.5 * top) * 170 + offset[1]
    rock = textures.relief(across, up)
    color = pick(rng, ((0.45, 0.43, 0.42), (0.42, 0.44, 0.47), (0.50, 0.45, 0.40)))
    colors = color * (1 - 0.20 * rock * (0.4 + 0.6 * light.sun))
    line = base - snow * height + 0.13 * height * textures.clouds(region.x * 250 + offset[1], region.y * 250)
    white = where(line > region.y)
    colors = mix(colors, rgb(0.92, 0.94, 0.98) * (1 - 0.10 * rock), white)
    region = region.within(np.clip((region.y - top) * canvas.size + 0.5, 0, 1))
    low = smooth(region.y, base - height, base) * 0.35
    canvas.paint(region, mix(colors, light.horizon / light.tint, haze + low), tag("mountain", "stone", "rugged"))
    canvas.relabel(region.within(white), tag("mountain", "snow", "plain"))


def hills(stage: Stage, base: float, height: float, haze: float) -> None:
    """Paint a rolling line of meadows in the distance that stands on `base`."""
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    crest = ridge(rng, height, 0.30)
    region = canvas.box(0, base - 1.25 * height, 1, base)
    top = base - _along(crest, region)
    patches = textures.clouds(region.x * 120 + rng.uniform(0, 256), region.y * 500)
    color = light.haze(pick(rng, ((0.40, 0.52, 0.26), (0.50, 0.56, 0.28))), haze)
    colors = color * (1 + 0.08 * patches - 0.25 * smooth(region.y, top + 0.6 * height, top))
    region = region.within(np.clip((region.y - top) * canvas.size + 0.5, 0, 1))
    canvas.paint(region, colors, tag("grass", "foliage", "grassy"))


def grass(stage: Stage, top: float, color: Floats | None = None, region: Region | None = None) -> None:
    """Paint a meadow from `top` to the picture's lower edge."""
    canvas, camera, rng = stage.canvas, stage.camera, stage.rng
    if color is None:
        color = pick(rng, ((0.38, 0.56, 0.22), (0.46, 0.58, 0.26), (0.34, 0.50, 0.25)))
    region = region or canvas.box(0, top, 1, 1)
    u, v = camera.ground(region)
    k, offset = 130 / camera.height, rng.uniform(0, 256)
    blades = textures.rough(u * k + offset, v * k)
    detail = camera.sharpness(region, canvas.size, 0.5)
    colors = color * (
        1
        + 0.06 * textures.clouds(u * (40 / camera.height), v * (40 / camera.height) + offset)
        + 0.13 * (0.35 + 0.65 * detail) * blades
    )
    colors += (np.clip(blades - 0.8, 0, 1) * detail) * rgb(0.10, 0.09, 0.01)
    canvas.paint(region, _far(stage, region, colors), tag("grass", "foliage", "grassy"))


def sand(stage: Stage, region: Region) -> None:
    """Paint a beach over a region."""
    canvas, camera, rng = stage.canvas, stage.camera, stage.rng
    color = pick(rng, ((0.88, 0.78, 0.58), (0.84, 0.74, 0.56), (0.90, 0.82, 0.66)))
    u, v = camera.ground(region)
    offset = rng.uniform(0, 256)
    dunes = textures.clouds(u * 40 + offset, v * 80)
    colors = color * (1 + 0.05 * dunes + 0.045 * textures.speckle(region.x * 256, region.y * 256 + offset))
    canvas.paint(region, colors, tag("sand", "sand", "speckled"))


def water(stage: Stage, top: float, bottom: float, deep: Floats | None = None) -> None:
    """Paint water between two heights of the picture: sky light, waves, and a rippled mirror image of what is above."""
    canvas, camera, light, rng = stage.canvas, stage.camera, stage.light, stage.rng
    if deep is None:
        deep = pick(rng, ((0.10, 0.32, 0.42), (0.12, 0.28, 0.40), (0.16, 0.36, 0.36)))
    region = canvas.box(0, top, 1, bottom)
    u, v = camera.ground(region)
    k, offset = 45 / camera.height, rng.uniform(0, 256)
    waves = textures.rough(u * k + offset, v * k * 3)
    near = smooth(region.y, top, max(bottom, top + 0.3)) ** 0.6
    colors = mix(mix(light.horizon / light.tint, deep, 0.35), deep, near)
    rows = np.arange(region.rows.start, region.rows.stop, dtype=np.float32)[:, None]
    mirrored = 2 * region.rows.start - rows - 1 + waves * (0.5 + 4 * near) * (canvas.size / 256)
    source = np.clip(mirrored, 0, max(region.rows.start - 1, 0)).astype(np.int32)
    image = canvas.image.reshape(3, -1).take(source * canvas.size + np.arange(canvas.size, dtype=np.int32), axis=1)
    colors = mix(colors, image, (0.60 - 0.35 * near) * where(mirrored >= 0))
    colors *= 1 + 0.10 * (0.3 + 0.7 * near) * waves
    colors += (np.clip(waves - 1.3, 0, 1) * (0.25 + 0.25 * light.sun)) * light.horizon
    canvas.paint(region, colors, tag("water", "water", "wavy"))


def asphalt(stage: Stage, region: Region) -> None:
    """Paint a dark speckled road surface over a region."""
    canvas, camera, rng = stage.canvas, stage.camera, stage.rng
    u, v = camera.ground(region)
    color = pick(rng, ((0.33, 0.33, 0.35), (0.38, 0.37, 0.37), (0.29, 0.30, 0.33)))
    worn = textures.clouds(u * 40, v * 9) * 0.05 + 0.05 * textures.speckle(region.x * 256, region.y * 256)
    canvas.paint(region, _far(stage, region, color * (1 + worn)), tag("road", "asphalt", "speckled"))


def path(stage: Stage, region: Region) -> None:
    """Paint a trodden earth road over a region."""
    canvas, camera, rng = stage.canvas, stage.camera, stage.rng
    u, v = camera.ground(region)
    color = pick(rng, ((0.62, 0.50, 0.36), (0.58, 0.48, 0.38)))
    worn = 0.10 * textures.rough(u * 60, v * 36) + 0.03 * textures.speckle(region.x * 256, region.y * 256)
    canvas.paint(region, _far(stage, region, color * (1 + worn)), tag("road", "sand", "speckled"))


def pavement(stage: Stage, region: Region, slab: float = 1.2) -> None:
    """Paint stone slabs of `slab` metres that run to the horizon, with damp patches, over a region."""
    canvas, camera, rng = stage.canvas, stage.camera, stage.rng
    u, v = camera.ground(region)
    color = pick(rng, ((0.60, 0.59, 0.58), (0.64, 0.61, 0.57), (0.56, 0.58, 0.60)))
    tone, joint = textures.slabs(u / slab, v / slab)
    detail = camera.sharpness(region, canvas.size, slab)
    damp = smooth(textures.clouds(u * 110 / camera.height, v * 110 / camera.height + rng.uniform(0, 256)), 0.4, 1.2)
    light = 1 + detail * (0.05 * tone - 0.24 * joint) - 0.12 * damp
    light += 0.025 * textures.speckle(region.x * 256, region.y * 256)
    canvas.paint(region, _far(stage, region, color * light), tag("pavement", "concrete", "slabbed"))


def planks(stage: Stage, region: Region, board: float = 0.35) -> None:
    """Paint floor boards of `board` metres that run away from the viewer, over a region."""
    canvas, camera, rng = stage.canvas, stage.camera, stage.rng
    u, v = camera.ground(region)
    color = pick(rng, ((0.58, 0.42, 0.28), (0.66, 0.52, 0.38), (0.48, 0.34, 0.24), (0.62, 0.56, 0.48)))
    column = np.floor(u / board)
    length = v * 0.25 + 0.37 * column
    tone = textures.speckle(column, length)
    gap = np.maximum(textures.line(u / board, 0.10), 0.6 * textures.line(length, 0.03))
    detail = camera.sharpness(region, canvas.size, 6 * board)
    veins = textures.rough(u * 70, v * 3 + 40 * column)
    light = 1 + 0.09 * tone - 0.42 * detail * gap + 0.05 * veins
    canvas.paint(region, color * light, tag("floor", "wood", "grained"))


def _far(stage: Stage, region: Region, colors: Floats) -> Floats:
    """Return the colours of a ground that pales towards the horizon."""
    share = 0.30 * np.clip(1 - (region.y - stage.camera.horizon) * 5, 0, 1)
    return mix(colors, stage.light.horizon / stage.light.tint, share)
