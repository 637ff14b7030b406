"""Runs of `predict_rasters` over one small raster, by a network whose windows show at their borders."""

from pathlib import Path
from typing import Any

import torch

from sceneparse.labels import LabelSpace
from sceneparse.parsing import Parser
from sceneparse.parsing.runs.raster import predict_rasters, split_rasters
from sceneparse.parsing.runs.tally import Summary
from sceneparse.settings import ProtocolSettings
from tests.parsing.conftest import SPACE
from tests.support.brightest import BrightestChannel, brightest_parser

WINDOWS = ProtocolSettings("window", window=(48, 40))


class Brightest(BrightestChannel):
    """Of any number of channels the first three count, each at an eighth of its size: windows' borders show."""

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        scores = torch.nn.functional.avg_pool2d(images.float(), 8, ceil_mode=True) / 32
        mean = scores.mean(dim=(-2, -1), keepdim=True)  # what a window sees depends on all of it
        scores = scores + 0.3 * mean
        return scores[:, :3] if scores.shape[1] >= 3 else scores[:, :1] * torch.tensor([1.0, 2.0, -1.0])[:, None, None]


def a_parser(channels: int = 3, protocol: ProtocolSettings = WINDOWS, labels: LabelSpace = SPACE) -> Parser:
    return brightest_parser(Brightest(), labels=labels, channels=channels, protocol=protocol)


def run(parser: Parser, path: Path, out: Path, **options: Any) -> Summary:
    sources, rest = split_rasters([str(path)], out)
    assert not rest
    return predict_rasters(parser, sources, out, progress=False, **options)
