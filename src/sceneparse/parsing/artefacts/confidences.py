"""How sure the network is of each pixel's class, as grey pictures."""

from typing import TYPE_CHECKING, Any

from sceneparse.parsing.artefacts.artefact import Artefact

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from sceneparse.parsing.parse import Parse


def grey_picture(confidence: "NDArray[np.float32]", white: int = 255, kind: str = "uint8") -> "Image":
    """Return probabilities as a grey picture.

    Args:
        confidence: (H, W) probabilities, 0..1.
        white: The value of probability 1.
        kind: The pixels' type: uint8 or uint16.
    """
    import numpy as np
    from PIL import Image

    # In 64 bits, so that 16 of them are rounded right.
    grey: Any = np.rint(confidence.astype(np.float64) * white).clip(0, white).astype(kind)
    return Image.fromarray(grey)


def _grey(title: str, suffix: str, white: int, kind: str) -> Artefact:
    def make(parse: "Parse") -> "Image":
        return grey_picture(parse.confidence, white, kind)

    return Artefact(title, suffix, make)


CONFIDENCE = _grey("probability of each pixel's class, 0 to 255", "_confidence.png", 255, "uint8")
CONFIDENCE16 = _grey("probability of each pixel's class, 0 to 65535", "_confidence16.png", 65535, "uint16")
