"""A stage 3 that ends one block later than usual, as that of CSAIL's MobileNetV2.

CSAIL's code (mit_semseg/models/models.py, `MobileNetV2Dilated`) takes its features behind the first block that would
halve the picture, not before it. Only stage 3 matters, which its auxiliary head stands on: 160 channels instead of 96.
"""

from timm.models.efficientnet import EfficientNetFeatures
from torch import Tensor, nn

from sceneparse.errors import UserError


def next_block_channels(name: str, body: nn.Module) -> int:
    """Return the channels of the first block behind stage 3.

    Raises:
        UserError: `body` is not of MobileNet's kind.
    """
    if not isinstance(body, EfficientNetFeatures):
        raise UserError(
            f"backbone {name}: backbone.stage3_end is next_block, but only MobileNets and EfficientNets can end later"
        )
    block = next(_groups(body)[_ends(body)[2]].children())
    projection = block.get_submodule("conv_pwl")
    assert isinstance(projection, nn.Conv2d)
    return projection.out_channels


def features_to_next_block(body: EfficientNetFeatures, images: Tensor) -> list[Tensor]:
    """Return the features of `body`, with stage 3 taken after the first block behind it."""
    ends = _ends(body)
    maps: Tensor = body.bn1(body.conv_stem(images))
    features: list[Tensor] = []
    for number, group in enumerate(_groups(body), start=1):
        for index, block in enumerate(group.children()):
            maps = block(maps)
            if index == 0 and number == ends[2] + 1:
                features[2] = maps
        if number in ends:
            features.append(maps)
    return features


def _groups(body: EfficientNetFeatures) -> list[nn.Module]:
    return list(body.blocks.children())


def _ends(body: EfficientNetFeatures) -> list[int]:
    """Return the number, counted from 1, of the group of blocks with which each stage ends."""
    return [int(info["stage"]) for info in body.feature_info.get_dicts()]
