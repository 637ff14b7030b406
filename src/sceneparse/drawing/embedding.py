"""Pictures inside a page of HTML: small enough for it, and as addresses that hold them."""

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

QUALITY = 85


def shrunk(pixels: NDArray[Any], side: int, how: Image.Resampling) -> NDArray[Any]:
    """Return an (H, W) int16 label map or (H, W, 3) uint8 picture with its long side brought down to `side`."""
    height, width = pixels.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    if pixels.ndim == 3:
        return np.asarray(Image.fromarray(pixels).resize(size, how))
    # Pillow resamples no signed 16-bit images; labels and IGNORE fit into its 32-bit integers.
    return np.asarray(Image.fromarray(pixels.astype(np.int32), "I").resize(size, how)).astype(pixels.dtype)


def data_uri(image: Image.Image) -> str:
    """Return the address of a picture: PNG for palettes, whose edges must stay exact, WebP for photographs."""
    exact = image.mode == "P"
    file = io.BytesIO()
    if exact:
        image.save(file, "PNG", optimize=True)
    else:
        image.save(file, "WEBP", quality=QUALITY, method=4)
    return f"data:image/{'png' if exact else 'webp'};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
