"""The viewer's camera and the light, shared by everything in a scene."""

from dataclasses import dataclass

import numpy as np

from sceneparse.toyworld.canvas import Canvas, Floats, Region, mix, rgb


@dataclass(frozen=True)
class Light:
    """Time of day and weather.

    Args:
        zenith: Colour of the sky overhead.
        horizon: Colour of the sky at the horizon, and of the haze.
        tint: What the light does to every colour.
        side: Where the sun stands: -1 left, 1 right.
        sun: How strong the light is against the shadows, 0..1.
        clouds: How much of the sky is covered, 0..1.
        lit: Share of the windows with a lamp behind them.
    """

    zenith: Floats
    horizon: Floats
    tint: Floats
    side: int
    sun: float
    clouds: float
    lit: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Light":
        """Pick one of five times of day at random and vary it; all kinds of scene draw from the same ones."""
        zenith, horizon, tint, sun, clouds, lit = _TIMES[rng.choice(len(_TIMES), p=(0.36, 0.18, 0.16, 0.18, 0.12))]
        shift = rng.normal(0, 0.025, (3, 1, 1))
        return cls(
            zenith=np.clip(zenith + shift, 0.02, 1).astype(np.float32),
            horizon=np.clip(horizon + 0.6 * shift, 0.02, 1).astype(np.float32),
            tint=(tint * rng.normal(1, 0.03)).astype(np.float32),
            side=1 if rng.random() < 0.5 else -1,
            sun=sun,
            clouds=float(np.clip(clouds + rng.normal(0, 0.15), 0, 1)),
            lit=lit,
        )

    def haze(self, color: Floats, share: float) -> Floats:
        """Blend a colour towards the horizon's, as air does over distance."""
        return mix(color, self.horizon / self.tint, share)

    def glowing(self, color: Floats) -> Floats:
        """Return a colour that emits light: as bright at night as by day."""
        return color / self.tint

    def faces(self, side: int) -> float:
        """Return the brightness of a wall that faces left (-1) or right (1)."""
        return 1 + 0.08 * self.sun if side == self.side else 1 - 0.30 * self.sun


_TIMES: tuple[tuple[Floats, Floats, Floats, float, float, float], ...] = (
    (rgb(0.22, 0.47, 0.84), rgb(0.74, 0.86, 0.95), rgb(1.02, 1.00, 0.96), 1.0, 0.35, 0.0),  # midday
    (rgb(0.42, 0.58, 0.80), rgb(0.99, 0.83, 0.62), rgb(1.03, 0.93, 0.80), 0.9, 0.40, 0.1),  # early morning
    (rgb(0.33, 0.34, 0.58), rgb(0.99, 0.60, 0.40), rgb(0.96, 0.78, 0.70), 0.8, 0.50, 0.3),  # sunset
    (rgb(0.60, 0.65, 0.71), rgb(0.83, 0.86, 0.88), rgb(0.88, 0.90, 0.93), 0.25, 1.0, 0.1),  # overcast
    (rgb(0.13, 0.17, 0.36), rgb(0.56, 0.48, 0.60), rgb(0.62, 0.63, 0.78), 0.3, 0.45, 0.5),  # dusk
)


@dataclass(frozen=True)
class Camera:
    """A level pinhole camera over flat ground, with a focal length of one picture side.

    Args:
        x: The vanishing point's position across the picture.
        horizon: The horizon's position down the picture.
        height: The viewer's height over the ground in metres.
    """

    x: float
    horizon: float
    height: float

    def scale(self, y: float) -> float:
        """Return picture sides per metre for a thing that stands on the ground at height `y` of the picture."""
        return (y - self.horizon) / self.height

    def point(self, across: float, up: float, away: float) -> tuple[float, float]:
        """Project a point, in metres right of the viewer, above the ground and away, into the picture."""
        return float(self.x + across / away), float(self.horizon + (self.height - up) / away)

    def ground(self, region: Region) -> tuple[Floats, Floats]:
        """Return metres to the right (h, w) and away (h, 1) of the ground seen at each pixel below the horizon."""
        away = self.height / np.maximum(region.y - self.horizon, 0.004)
        return (region.x - self.x) * away, away

    def sharpness(self, region: Region, size: int, repeat: float) -> Floats:
        """Return the contrast (h, 1), 0..1, left in the pixels of a pattern that repeats each `repeat` metres."""
        pixel = self.height / (np.maximum(region.y - self.horizon, 0.004) ** 2 * size)
        return np.clip(repeat / (2 * pixel) - 0.25, 0, 1)


@dataclass(frozen=True)
class Stage:
    """Everything that a painter needs: the canvas, the camera, the light and the scene's random numbers."""

    canvas: Canvas
    camera: Camera
    light: Light
    rng: np.random.Generator

    def shadow(self, x: float, y: float, width: float, depth: float, strength: float = 0.55) -> None:
        """Draw a soft shadow under a thing `width` wide that stands at (x, y), stretched away from the sun."""
        sun = self.light.sun
        reach = -self.light.side * 0.45 * width * sun
        self.canvas.shade(
            self.canvas.blob(x + reach, y, 0.62 * width + abs(reach), depth), strength * (0.45 + 0.55 * sun)
        )
