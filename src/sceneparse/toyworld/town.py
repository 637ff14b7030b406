"""Paint the scenes in town: street and skyline.

Each painter takes the stage and whether a look-alike is planted; if so it fills only the top of the picture.
"""

import numpy as np

from sceneparse.toyworld import buildings, grounds, nature, things, vehicles
from sceneparse.toyworld.canvas import rgb, where
from sceneparse.toyworld.cast import Cast
from sceneparse.toyworld.lookalikes import BAND_TOP
from sceneparse.toyworld.spaces import tag
from sceneparse.toyworld.view import Stage

_BAND = BAND_TOP[1]  # what a planted picture shows of its scene ends here


def street(stage: Stage, planted: bool) -> None:
    """Paint a street in perspective between two rows of buildings, or its fronts seen across the road."""
    grounds.sky(stage, stage.camera.horizon + 0.02)
    if planted or stage.rng.random() < 0.3:
        _fronts(stage, planted)
    else:
        _avenue(stage)


def _avenue(stage: Stage) -> None:
    canvas, camera, rng = stage.canvas, stage.camera, stage.rng
    horizon = camera.horizon
    grounds.pavement(stage, canvas.box(0, horizon, 1, 1))
    road, wall = rng.uniform(3.2, 4.5), rng.uniform(7.5, 9.5)
    corners = [camera.point(s * road, 0, z) for s, z in ((-1, 400.0), (1, 400.0), (1, 1.5), (-1, 1.5))]
    grounds.asphalt(stage, canvas.polygons(corners))
    for s in (-1, 1):
        strip = [
            camera.point(s * a, 0, z) for a, z in ((road, 400.0), (road + 0.3, 400.0), (road + 0.3, 1.5), (road, 1.5))
        ]
        canvas.tint(canvas.polygons(strip), rgb(0.74, 0.73, 0.70), 0.8)
    dashes = [
        [camera.point(a, 0, z) for a, z in ((-0.13, z), (0.13, z), (0.13, z + 3), (-0.13, z + 3))]
        for z in np.arange(2.5, 60, 7) + rng.uniform(0, 3)
    ]
    canvas.tint(canvas.polygons(*dashes), rgb(0.88, 0.87, 0.82), 0.85)
    if rng.random() < 0.4:
        z = rng.uniform(6, 10)
        bars = [
            [camera.point(a, 0, d) for a, d in ((a, z), (a + 0.5, z), (a + 0.5, z + 2.2), (a, z + 2.2))]
            for a in np.arange(-road + 0.3, road - 0.5, 1.1)
        ]
        canvas.tint(canvas.polygons(*bars), rgb(0.90, 0.90, 0.87), 0.85)
    end = buildings.Facade.draw(rng)
    span = wall / 110
    box = (camera.x - span, horizon - rng.uniform(0.06, 0.14), camera.x + span, horizon + 0.012)
    buildings.block(stage, box, 0.012, end, "building")
    canvas.tint(canvas.rectangle(*box), stage.light.horizon / stage.light.tint, 0.5)
    for side in (-1, 1):
        depths = np.cumsum([rng.uniform(3, 6), *rng.uniform(9, 16, 8)])
        buildings.row(stage, camera, side, wall, tuple(float(z) for z in depths), rng.uniform(8, 11))
    cast = Cast(stage)
    tree = (road + wall) / 2 + 0.4
    for side in (-1, 1):
        if rng.random() < 0.6:
            for z in np.arange(rng.uniform(9, 14), 60, rng.uniform(9, 13)):
                x, y = camera.point(side * tree, 0, float(z))
                cast.add(y, nature.leafy_tree, x, y, rng.uniform(4.5, 6.5) / z)
    for _ in range(rng.integers(1, 4)):
        z, lane = rng.uniform(6, 26), rng.choice((-1, 1))
        x, y = camera.point(lane * road * rng.uniform(0.42, 0.58), 0, z)
        cast.add(y, vehicles.car_from_behind, x, y, 1.9 / z)
    for _ in range(rng.integers(2, 6)):
        z = rng.uniform(4, 14)
        x, y = camera.point(rng.choice((-1, 1)) * rng.uniform(road + 0.8, wall - 0.8), 0, z)
        cast.add(y, things.person, x, y, rng.uniform(1.6, 1.9) / z)
    for side in (-1, 1):
        if rng.random() < 0.8:
            z = rng.uniform(6, 10)
            x, y = camera.point(side * (road + 0.6), 0, z)
            cast.add(y, things.traffic_light, x, y, 3.8 / z)
    cast.enter()


def _fronts(stage: Stage, planted: bool) -> None:
    canvas, rng = stage.canvas, stage.rng
    base = 0.335 if planted else rng.uniform(0.56, 0.66)
    lane = _BAND if planted else base + rng.uniform(0.14, 0.20)
    metre = 0.011 if planted else rng.uniform(0.011, 0.014)
    x = -rng.uniform(0, 0.1)
    while x < 1:
        width = rng.uniform(0.14, 0.30)
        top = base - rng.uniform(0.50, 0.92) * base
        buildings.block(stage, (x, top, x + width, base), metre, buildings.Facade.draw(rng), "building")
        canvas.shade(canvas.rectangle(x, top, x + 0.004, base), 0.4)
        x += width
    grounds.pavement(stage, canvas.box(0, base, 1, 1))
    kerb = base + 0.012 if planted else base + 0.045
    grounds.asphalt(stage, canvas.box(0, kerb, 1, lane))
    canvas.tint(canvas.rectangle(0, kerb - 0.006, 1, kerb), rgb(0.74, 0.73, 0.70), 0.7)
    if not planted:
        canvas.tint(canvas.rectangle(0, lane, 1, lane + 0.012), rgb(0.74, 0.73, 0.70), 0.7)
        dashes = [
            canvas.rectangle(a, (kerb + lane) / 2 - 0.004, a + 0.06, (kerb + lane) / 2 + 0.004)
            for a in np.arange(0.02, 1, 0.12)
        ]
        for dash in dashes:
            canvas.tint(dash, rgb(0.88, 0.87, 0.82), 0.8)
    cast = Cast(stage)
    grow = 0.55 if planted else 1.0
    for tree in np.arange(rng.uniform(0.05, 0.2), 1, rng.uniform(0.2, 0.34)):
        cast.add(kerb, nature.leafy_tree, float(tree), kerb - 0.004, grow * rng.uniform(0.22, 0.30))
    for tall in (rng.uniform(0.05, 0.4), rng.uniform(0.6, 0.95))[: rng.integers(1, 3)]:
        cast.add(lane, things.traffic_light, tall, lane if planted else lane + 0.02, (0.21 if planted else 0.42))
    if planted:
        if rng.random() < 0.6:
            cast.add(lane - 0.01, vehicles.parked_cars, lane - 0.006, 0.13, 2)
    else:
        cast.add(lane - 0.02, vehicles.parked_cars, lane - 0.02, rng.uniform(0.26, 0.32), 2)
        for _ in range(rng.integers(1, 4)):
            y = rng.uniform(lane + 0.06, 0.97)
            cast.add(y, things.person, rng.uniform(0.05, 0.95), y, 0.26 + 0.5 * (y - lane))
    cast.enter()


def skyline(stage: Stage, planted: bool) -> None:
    """Paint towers over a low town, across a park, a square or the water."""
    del planted  # no look-alike lives here
    canvas, light, rng = stage.canvas, stage.light, stage.rng
    shore = stage.camera.horizon + rng.uniform(0.02, 0.05)
    grounds.sky(stage, shore)
    for haze, low, high, count in ((0.55, 0.22, 0.34, 7), (0.18, 0.32, 0.52, 5)):
        positions = (np.arange(count) + rng.uniform(0.1, 0.9, count)) / count
        for x in rng.permutation(positions):
            width, height = rng.uniform(0.075, 0.115), rng.uniform(low, min(high, shore - 0.08))
            buildings.tower(stage, float(x), shore, width, height, buildings.Facade.draw(rng), "skyscraper")
        if haze > 0.3:
            veil = canvas.box(0, 0, 1, shore)
            towers = canvas.maps[0][veil.rows, veil.columns] == tag("skyscraper", "air").object
            canvas.tint(veil.within(where(towers)), light.horizon / light.tint, haze)
    x = -rng.uniform(0, 0.08)
    while x < 1:
        width = rng.uniform(0.10, 0.20)
        buildings.tower(
            stage, x + width / 2, shore, width, rng.uniform(0.07, 0.14), buildings.Facade.draw(rng), "building"
        )
        x += width * rng.uniform(0.95, 1.3)
    for across in np.arange(rng.uniform(0, 0.05), 1.02, 0.055):
        if rng.random() < 0.75:
            nature.bush(stage, float(across), shore + 0.004, rng.uniform(0.05, 0.08), 0.15)
    front = rng.random()
    cast = Cast(stage)
    if front < 0.45:
        bank = rng.uniform(0.86, 1.05)
        grounds.water(stage, shore, 1.0)
        canvas.tint(canvas.rectangle(0, shore - 0.004, 1, shore + 0.006), rgb(0.42, 0.41, 0.40), 0.8)
        if bank < 0.97:
            grounds.pavement(stage, canvas.box(0, bank, 1, 1))
            canvas.tint(canvas.rectangle(0, bank, 1, bank + 0.012), rgb(0.80, 0.78, 0.74), 0.8)
        for _ in range(rng.integers(1, 3)):
            y = rng.uniform(shore + 0.10, min(bank, 0.93) - 0.03)
            draw = vehicles.sailing_boat if rng.random() < 0.6 else vehicles.motor_boat
            cast.add(y, draw, rng.uniform(0.1, 0.9), y, 0.09 + 0.25 * (y - shore))
    else:
        grounds.grass(stage, shore)
        if front < 0.75:
            road = rng.uniform(0.66, 0.78)
            grounds.asphalt(stage, canvas.box(0, road, 1, road + 0.15))
            for dash in np.arange(0.02, 1, 0.12):
                canvas.tint(canvas.rectangle(dash, road + 0.070, dash + 0.06, road + 0.078), rgb(0.88, 0.87, 0.82), 0.8)
            cast.add(road + 0.13, vehicles.parked_cars, road + 0.12, 0.22, int(rng.integers(1, 3)))
            cast.add(road, things.traffic_light, rng.uniform(0.1, 0.9), road - 0.005, 0.38)
        for _ in range(rng.integers(2, 5)):
            y = rng.uniform(shore + 0.06, 0.95)
            cast.add(y, nature.leafy_tree, rng.uniform(0, 1), y, 0.16 + 0.5 * (y - shore))
        for _ in range(rng.integers(1, 4)):
            y = rng.uniform(shore + 0.15, 0.97)
            cast.add(y, things.person, rng.uniform(0.05, 0.95), y, 0.10 + 0.47 * (y - shore))
    cast.enter()
