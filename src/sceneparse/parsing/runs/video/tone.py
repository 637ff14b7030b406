"""Frames of high dynamic range (PQ, HLG) as the colours of an ordinary screen."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

PQ, HLG = 16, 18
"""FFmpeg's numbers of the transfer functions of SMPTE ST 2084 and ARIB STD-B67."""

NAMES = {PQ: "PQ", HLG: "HLG"}
"""What they are called."""

_PEAK = 1000.0
"""cd/m² of the brightest that is told apart: what HLG is shown at, and most PQ material is made for."""

_WHITE = 203.0
"""cd/m² of white paper in HDR (ITU-R BT.2408), and so of the white that an ordinary screen shows."""

_LUMINANCE = np.array([0.2627, 0.6780, 0.0593])
"""Shares of the primaries of ITU-R BT.2020 in luminance."""

_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], dtype=np.float32
)
"""Linear light, from the primaries of BT.2020 to those of BT.709 (ITU-R BT.2087)."""

_STEPS = 4096
"""Steps of the tables that are looked up."""


def to_sdr(pixels: NDArray[np.uint16], transfer: int) -> NDArray[np.uint8]:
    """Return what an ordinary screen shows of an HDR frame.

    Light up to a knee stays as it is; what is brighter, up to 1,000 cd/m², is compressed by the curve of ITU-R BT.2390
    (section 5.4.1) into the 203 cd/m² that are white here. Colours outside of BT.709 are clipped.

    Args:
        pixels: (H, W, 3) full-range R'G'B' of the primaries of BT.2020, 0 to 65535.
        transfer: `PQ` or `HLG`.

    Returns:
        (H, W, 3) sRGB.
    """
    light = _decoding(transfer)[pixels >> 4]
    if transfer == HLG:  # from the scene's light to the screen's (ITU-R BT.2100, with gamma 1.2 at 1,000 cd/m²)
        light = light * np.maximum(light @ _LUMINANCE.astype(np.float32), 1e-6)[..., None] ** np.float32(0.2)
    shown = _compression()[_index(np.sqrt(light.clip(0, 1)))]  # roots: dark light needs the finer steps
    return _encoding()[_index(np.sqrt((shown @ _TO_BT709.T).clip(0, 1)))]


def pq_light(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return cd/m² of a PQ signal of 0 to 1 (SMPTE ST 2084)."""
    power = signal ** (1 / 78.84375)
    share = np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
    return np.asarray(10000 * share ** (1 / 0.1593017578125))


def pq_signal(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the PQ signal, 0 to 1, of cd/m²."""
    power = (light / 10000) ** 0.1593017578125
    return np.asarray(((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375)


def _index(values: NDArray[np.float32]) -> NDArray[np.intp]:
    return np.asarray(np.rint(values * (_STEPS - 1)), dtype=np.intp)


@cache
def _decoding(transfer: int) -> NDArray[np.float32]:
    """Light as a share of `_PEAK`, of 12-bit signals; of HLG the scene's."""
    signal = np.arange(_STEPS) / (_STEPS - 1)
    if transfer == PQ:
        return np.minimum(pq_light(signal) / _PEAK, 1).astype(np.float32)
    upper = (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return np.where(signal <= 0.5, signal**2 / 3, upper).astype(np.float32)


@cache
def _compression() -> NDArray[np.float32]:
    """Light as a share of `_WHITE`, of roots of shares of `_PEAK`."""
    light = (np.arange(_STEPS) / (_STEPS - 1)) ** 2 * _PEAK
    peak = float(pq_signal(np.array(_PEAK)))
    white = float(pq_signal(np.array(_WHITE))) / peak
    knee = 1.5 * white - 0.5
    signal = pq_signal(light) / peak
    along = ((signal - knee) / (1 - knee)).clip(0, 1)
    curve = (
        (2 * along**3 - 3 * along**2 + 1) * knee
        + (along**3 - 2 * along**2 + along) * (1 - knee)
        + (-2 * along**3 + 3 * along**2) * white
    )
    return (pq_light(np.where(signal < knee, signal, curve) * peak) / _WHITE).astype(np.float32)


@cache
def _encoding() -> NDArray[np.uint8]:
    """SRGB of roots of light."""
    light = (np.arange(_STEPS) / (_STEPS - 1)) ** 2
    signal = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(255 * signal).astype(np.uint8)
