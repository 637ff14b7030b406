"""Paint the open-air scenes: river, beach, countryside, mountain and forest.

Each painter takes the stage and whether a look-alike is planted; if so it fills only the top of the picture.
"""

import numpy as np

from sceneparse.toyworld import buildings, grounds, nature, things, vehicles
from sceneparse.toyworld.canvas import rgb, smooth
from sceneparse.toyworld.cast import Cast, corners, winding_way
from sceneparse.toyworld.lookalikes import BAND_TOP
from sceneparse.toyworld.surfaces import pick
from sceneparse.toyworld.textures import clouds
from sceneparse.toyworld.view import Stage

_BAND = BAND_TOP[1]  # what a planted picture shows of its scene ends here


def river(stage: Stage, planted: bool) -> None:
    """Paint a river between green banks, with houses, trees and boats."""
    canvas, camera, rng = stage.canvas, stage.camera, stage.rng
    horizon = camera.horizon
    grounds.sky(stage, horizon + 0.01)
    grounds.hills(stage, horizon + 0.006, rng.uniform(0.05, 0.12), 0.45)
    cast = Cast(stage)
    if planted:
        shore = horizon + 0.008
        for x in np.arange(rng.uniform(0, 0.08), 1.05, rng.uniform(0.09, 0.15)):
            if rng.random() < 0.30:
                cast.add(shore, buildings.house, float(x), shore, rng.uniform(0.12, 0.17))
            else:
                cast.add(shore, nature.leafy_tree, float(x), shore, rng.uniform(0.10, 0.18), 0.1)
        cast.enter()
        grounds.water(stage, shore, _BAND + 0.01)
        for _ in range(rng.integers(0, 2)):
            vehicles.sailing_boat(stage, rng.uniform(0.1, 0.9), 0.350, rng.uniform(0.09, 0.13))
        return
    for x in np.arange(rng.uniform(0, 0.05), 1.05, rng.uniform(0.05, 0.08)):
        nature.leafy_tree(stage, float(x), horizon + 0.012, rng.uniform(0.06, 0.11), 0.35)
    grounds.water(stage, horizon + 0.006, 1.0)
    color = pick(rng, ((0.38, 0.56, 0.22), (0.44, 0.56, 0.26)))
    mouth = rng.uniform(0.35, 0.65)
    t = np.linspace(0, 1, 24)
    down = horizon + 0.004 + (1 - horizon) * t**1.6
    edges = {}
    for side in (-1, 1):
        wave = np.sin(t * rng.uniform(4, 8) + rng.uniform(0, 6)) * 0.05 * t
        edges[side] = edge = mouth + side * (0.05 + rng.uniform(0.22, 0.48) * t) + wave
        out = 0.5 + side * 0.52
        bank = canvas.polygons([*corners(edge, down), (out, 1.01), (out, horizon + 0.004)])
        grounds.grass(stage, horizon, color, bank)
        rim = canvas.polygons(corners(edge, down) + corners((edge + side * 0.02 * t)[::-1], down[::-1] + 0.006))
        canvas.tint(rim, rgb(0.34, 0.28, 0.18), 0.7)
    for side in (-1, 1):
        for step in rng.integers(5, 22, 4):
            y = float(down[step])
            x = edges[side][step] + side * rng.uniform(0.04, 0.20) * (0.4 + (y - horizon) * 2)
            size, what = 0.10 + 0.55 * (y - horizon), rng.random()
            if what < 0.65:
                cast.add(y, nature.leafy_tree, x, y, size * rng.uniform(0.9, 1.3))
            elif what < 0.85:
                cast.add(y, nature.bush, x, y, 0.5 * size)
            else:
                cast.add(y, things.person, x, y, 0.58 * size)
        if rng.random() < 0.6:
            step = rng.integers(6, 13)
            y = float(down[step]) - 0.01
            cast.add(y, buildings.house, edges[side][step] + side * rng.uniform(0.12, 0.22), y, rng.uniform(0.18, 0.26))
    for _ in range(rng.integers(1, 3)):
        step = rng.integers(9, 20)
        low, high, y = float(edges[-1][step]), float(edges[1][step]), float(down[step])
        width = min(0.10 + 0.32 * (y - horizon), 0.6 * (high - low))
        x = rng.uniform(low + 0.6 * width, high - 0.6 * width)
        cast.add(y, vehicles.sailing_boat if rng.random() < 0.55 else vehicles.motor_boat, x, y, width)
    cast.enter()


def beach(stage: Stage, planted: bool) -> None:
    """Paint the sea, a line of foam and sand, with sunshades, bathers and rocks."""
    canvas, camera, rng = stage.canvas, stage.camera, stage.rng
    horizon = camera.horizon
    grounds.sky(stage, horizon + 0.01)
    if rng.random() < 0.4:
        grounds.mountains(stage, horizon + 0.003, rng.uniform(0.06, 0.12), 0.5, 2.0)
    shore = horizon + 0.035 if planted else horizon + rng.uniform(0.14, 0.26)
    grounds.water(stage, horizon, shore + 0.05, pick(rng, ((0.08, 0.40, 0.52), (0.10, 0.34, 0.50), (0.12, 0.44, 0.48))))
    dry = canvas.box(0, horizon, 1, 1)
    bend, wide = (0.006, 0.010) if planted else (0.03, 0.045)
    line = shore + bend * np.sin(dry.x * rng.uniform(3, 7) + rng.uniform(0, 6))
    line += 0.012 * (shore - horizon) * clouds(dry.x * 240, np.zeros_like(dry.x))
    grounds.sand(stage, dry.within(np.clip((dry.y - line) * canvas.size + 0.5, 0, 1)))
    canvas.shade(dry.within(np.clip(1 - np.abs(dry.y - line - 0.4 * wide) / wide, 0, 1)), 0.28)
    foam = np.clip(1.4 - np.abs(dry.y - line) / (0.2 * wide) + 0.3 * clouds(dry.x * 500, dry.y * 900), 0, 1)
    canvas.tint(dry.within(foam), rgb(0.97, 0.98, 0.98), 0.85)
    cast = Cast(stage)
    for _ in range(rng.integers(0, 3)):
        y = horizon + rng.uniform(0.25, 0.7) * (shore - horizon)
        draw = vehicles.sailing_boat if rng.random() < 0.7 else vehicles.motor_boat
        cast.add(y, draw, rng.uniform(0.1, 0.9), y, 0.07 + 0.5 * (y - horizon))
    if planted:
        for x in (rng.uniform(0.05, 0.45), rng.uniform(0.55, 0.95)):
            cast.add(_BAND, things.person, x, 0.355, 0.105)
        cast.enter()
        return
    for _ in range(rng.integers(1, 4)):
        y = rng.uniform(shore + 0.14, 0.95)
        cast.add(y, things.parasol, rng.uniform(0.08, 0.92), y, 0.12 + 0.45 * (y - shore))
    for _ in range(rng.integers(2, 5)):
        y = rng.uniform(shore - 0.005, 0.97)
        cast.add(y, things.person, rng.uniform(0.05, 0.95), y, 0.11 + 0.40 * (y - shore))
    if rng.random() < 0.5:
        for _ in range(rng.integers(1, 4)):
            y = rng.uniform(shore, 0.97)
            cast.add(y, nature.boulder, rng.uniform(0, 1), y, 0.06 + 0.30 * (y - shore))
    cast.enter()


def countryside(stage: Stage, planted: bool) -> None:
    """Paint hills, meadows, a lane, houses, trees and sheep."""
    camera, rng = stage.camera, stage.rng
    horizon = camera.horizon
    grounds.sky(stage, horizon + 0.01)
    grounds.hills(stage, horizon + 0.006, rng.uniform(0.10, 0.18), 0.50)
    grounds.hills(stage, horizon + 0.006, rng.uniform(0.05, 0.09), 0.25)
    grounds.grass(stage, horizon)
    cast = Cast(stage)
    if planted:
        for x in (np.arange(6) + rng.uniform(0.2, 0.8, 6)) / 6:
            y = rng.uniform(horizon + 0.012, 0.350)
            if rng.random() < 0.5:
                cast.add(y, buildings.house, float(x), y, rng.uniform(0.15, 0.21))
            else:
                cast.add(y, nature.leafy_tree, float(x), y, rng.uniform(0.12, 0.20))
        cast.enter()
        return
    if rng.random() < 0.7:
        grounds.path(stage, winding_way(stage, rng.uniform(0.3, 0.7), rng.normal(0, 0.25), 0.14))
    for _ in range(rng.integers(2, 4)):
        y = horizon + rng.uniform(0.03, 0.22)
        cast.add(y, buildings.house, rng.uniform(0.05, 0.95), y, 0.17 + 0.65 * (y - horizon))
    for _ in range(rng.integers(4, 9)):
        y = horizon + 0.015 + 0.42 * rng.random() ** 2
        cast.add(y, nature.leafy_tree, rng.uniform(0, 1), y, (0.11 + 0.75 * (y - horizon)) * rng.uniform(0.8, 1.2))
    for _ in range(rng.integers(1, 4)):
        y = horizon + rng.uniform(0.05, 0.4)
        cast.add(y, nature.bush, rng.uniform(0, 1), y, 0.05 + 0.25 * (y - horizon))
    for _ in range(rng.integers(1, 4)):
        y = rng.uniform(horizon + 0.16, 0.96)
        cast.add(y, nature.sheep, rng.uniform(0.05, 0.95), y, 0.05 + 0.24 * (y - horizon))
    cast.enter()


def mountain(stage: Stage, planted: bool) -> None:
    """Paint two ranges of peaks, firs at their foot, an alpine meadow with rocks and walkers, sometimes a lake."""
    canvas, camera, rng = stage.canvas, stage.camera, stage.rng
    horizon = camera.horizon
    grounds.sky(stage, horizon + 0.01)
    snow = rng.uniform(0.35, 0.75)
    tall = (0.85, 0.55) if planted else (rng.uniform(0.68, 0.85), rng.uniform(0.35, 0.5))
    grounds.mountains(stage, horizon + 0.006, tall[0] * horizon, 0.38, 0.6 * snow)
    grounds.mountains(stage, horizon + 0.006, tall[1] * horizon, 0.10, 1.25 * snow)
    cast = Cast(stage)
    lake = not planted and rng.random() < 0.45
    shore = horizon + 0.006
    if lake:
        for x in np.arange(0, 1.02, 0.025):
            nature.conifer(stage, float(x) + rng.normal(0, 0.006), horizon + 0.008, rng.uniform(0.03, 0.07), 0.25)
        shore = horizon + rng.uniform(0.10, 0.18)
        grounds.water(stage, horizon + 0.006, shore + 0.02)
    grounds.grass(stage, shore)
    if lake:
        canvas.shade(canvas.rectangle(0, shore, 1, shore + 0.008), 0.35)
    if planted:
        for x in np.arange(rng.uniform(0, 0.05), 1.03, 0.055):
            if rng.random() < 0.8:
                y = rng.uniform(horizon + 0.010, 0.350)
                cast.add(y, nature.conifer, float(x), y, rng.uniform(0.07, 0.13), 0.08)
        cast.enter()
        return
    for _ in range(rng.integers(6, 15)):
        y = shore + 0.01 + 0.35 * rng.random() ** 2
        cast.add(y, nature.conifer, rng.uniform(0, 1), y, (0.10 + 0.80 * (y - horizon)) * rng.uniform(0.8, 1.2))
    for _ in range(rng.integers(1, 4)):
        y = rng.uniform(shore + 0.06, 0.97)
        cast.add(y, nature.boulder, rng.uniform(0, 1), y, 0.05 + 0.24 * (y - horizon))
    for _ in range(rng.integers(0, 3)):
        y = rng.uniform(shore + 0.10, 0.97)
        cast.add(y, things.person, rng.uniform(0.05, 0.95), y, 0.09 + 0.46 * (y - horizon))
    if rng.random() < 0.35:
        y = shore + rng.uniform(0.04, 0.12)
        cast.add(y, buildings.house, rng.uniform(0.1, 0.9), y, 0.15 + 0.6 * (y - horizon))
    cast.enter()


def forest(stage: Stage, planted: bool) -> None:
    """Paint a wood: trunks that fade with distance, leaves overhead, shrubs, a path and someone on it."""
    del planted  # no look-alike lives here
    canvas, camera, light, rng = stage.canvas, stage.camera, stage.light, stage.rng
    horizon = camera.horizon
    leaf = pick(rng, ((0.24, 0.42, 0.16), (0.30, 0.46, 0.16), (0.18, 0.36, 0.18)))
    grounds.sky(stage, horizon + 0.01)
    for x in np.arange(0, 1.02, 0.05):
        nature.bush(stage, float(x), horizon + 0.012, rng.uniform(0.10, 0.22), 0.5)
    grounds.grass(stage, horizon, pick(rng, ((0.28, 0.40, 0.18), (0.36, 0.40, 0.20), (0.26, 0.36, 0.20))))
    if rng.random() < 0.75:
        grounds.path(stage, winding_way(stage, camera.x, rng.normal(0, 0.15), 0.17))
    patches = canvas.box(0, horizon, 1, 1)
    u, v = camera.ground(patches)
    canvas.shade(
        patches.within(smooth(clouds(u * 26, v * 26 + rng.uniform(0, 256)), -0.2, 0.8)), 0.30 * light.sun + 0.08
    )
    nature.foliage(stage, horizon * rng.uniform(0.25, 0.6), 0.42, leaf, 0.10)
    cast = Cast(stage)
    for _ in range(rng.integers(14, 22)):
        y = horizon + 0.015 + 0.50 * rng.random() ** 2.2
        x = rng.uniform(-0.02, 1.02)
        if abs(x - camera.x) < 0.10 + 0.2 * (y - horizon):
            x += 0.3 if x > camera.x else -0.3
        far = float(smooth(y, horizon + 0.25, horizon))
        cast.add(y, nature.trunk, x, y, 0.018 + 0.18 * (y - horizon), 0.45 * far)
    for _ in range(rng.integers(3, 8)):
        y = horizon + 0.03 + 0.5 * rng.random()
        cast.add(y, nature.bush, rng.uniform(0, 1), y, 0.07 + 0.35 * (y - horizon))
    if rng.random() < 0.6:
        y = rng.uniform(horizon + 0.14, 0.96)
        cast.add(y, things.person, camera.x + rng.normal(0, 0.06), y, 0.09 + 0.50 * (y - horizon))
    for _ in range(rng.integers(0, 3)):
        y = rng.uniform(horizon + 0.12, 0.97)
        cast.add(y, nature.boulder, rng.uniform(0, 1), y, 0.05 + 0.24 * (y - horizon))
    cast.enter()
    nature.foliage(stage, rng.uniform(0.02, 0.12), 0.05, leaf * 0.8, 0.06)
