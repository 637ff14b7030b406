"""The networks: plain `torch.nn` modules with explicit arguments, which know no files, recipes or data sets."""

from sceneparse.networks.backbone import Backbone
from sceneparse.networks.base import Output, SceneParser
from sceneparse.networks.fcn import FCN
from sceneparse.networks.preprocess import normalize
from sceneparse.networks.pspnet import PSPNet
from sceneparse.networks.resample import resize
from sceneparse.networks.upernet import UPerNet

__all__ = ["FCN", "Backbone", "Output", "PSPNet", "SceneParser", "UPerNet", "normalize", "resize"]
