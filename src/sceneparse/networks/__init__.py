"""The networks: plain `torch.nn` modules with explicit arguments, which know no files, recipes or data sets."""

from sceneparse.networks.backbones import Backbone
from sceneparse.networks.base import Output, SceneParser
from sceneparse.networks.concat_upernet import ConcatUPerNet
from sceneparse.networks.deeplabv3 import DeepLabV3
from sceneparse.networks.exact.precise_pooling import precise_pool, precise_pool_regions
from sceneparse.networks.fcn import FCN
from sceneparse.networks.multilabel import MultiLabelPSPNet
from sceneparse.networks.preprocess import normalize
from sceneparse.networks.pspnet import PSPNet
from sceneparse.networks.resample import resize
from sceneparse.networks.unified import HEADS, UnifiedOutput, UnifiedUPerNet
from sceneparse.networks.upernet import UPerNet

__all__ = [
    "FCN",
    "HEADS",
    "Backbone",
    "ConcatUPerNet",
    "DeepLabV3",
    "MultiLabelPSPNet",
    "Output",
    "PSPNet",
    "SceneParser",
    "UPerNet",
    "UnifiedOutput",
    "UnifiedUPerNet",
    "normalize",
    "precise_pool",
    "precise_pool_regions",
    "resize",
]
