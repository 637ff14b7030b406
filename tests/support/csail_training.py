"""A step of CSAIL's training program, recorded as a case: its networks, its loss, plain batch norm on one device."""

import copy
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.support.csail import DeepResNet, MobileNet, Plain, Pyramid
from tests.support.recording import COUNTERS, Recorder, norms, thinned

MOMENTUM = 0.001
"""Of its batch norms."""


class SegmentationModule(nn.Module):
    """Encoder, decoder and loss, as its training program puts them together."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        for module in self.modules():
            if isinstance(module, nn.Dropout2d):
                module.p = 0.0
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = MOMENTUM
                module.num_batches_tracked = None  # its forward doesn't count

    def forward(self, image: Tensor, labels: Tensor) -> dict[str, Tensor]:
        logits, deep = self.decoder(self.encoder(image))
        loss = F.nll_loss(logits.log_softmax(1), labels, ignore_index=-1)
        if deep is not None:
            loss = loss + 0.4 * F.nll_loss(deep.log_softmax(1), labels, ignore_index=-1)
        counts = labels >= 0
        right = (counts & (logits.argmax(1) == labels)).sum().float()
        outputs = {"logp": logits.log_softmax(1), "loss": loss.view(1), "acc": (right / (counts.sum() + 1e-10)).view(1)}
        return outputs if deep is None else {**outputs, "logp_deepsup": deep.log_softmax(1)}


def pair(encoder: str, decoder: str) -> tuple[nn.Module, nn.Module]:
    """Networks by CSAIL's names, of 6 classes."""
    dilated = encoder.endswith("dilated")
    body = MobileNet() if encoder.startswith("mobile") else DeepResNet(int(encoder[6:8]), dilated)
    top = {"mobilenetv2dilated": 320, "resnet18dilated": 512, "resnet18": 512}[encoder]
    if decoder.startswith("upernet"):
        return body, Pyramid([64, 128, 256, 512], 256 if decoder.endswith("lite") else 512, 6)
    return body, Plain(decoder, top, 6)


def record(recorder: Recorder, encoder: str, decoder: str, separator: str = ".", batch: int = 3) -> Path:
    """Record a step.

    Args:
        recorder: Where the case goes.
        encoder: The encoder's name.
        decoder: The decoder's name.
        separator: What stands in the outputs' names between half and key; nothing leaves the half out.
        batch: Pictures.
    """
    halves = dict(zip(("encoder", "decoder"), pair(encoder, decoder), strict=True))
    keys = {name: recorder.filled(half, COUNTERS) for name, half in halves.items()}
    scale = 4 if decoder.startswith("upernet") else 8
    height, width = 48, 56
    image: dict[str, Any] = {"name": "x", "kind": "image", "shape": [batch, 3, height, width], "seed": 41}
    labels = {
        "name": "y",
        "kind": "target",
        "shape": [batch, height // scale, width // scale],
        "seed": 42,
        "classes": 6,
        "ignore": -1,
        "frac": 0.2,
        "low": 0,
    }
    module = SegmentationModule(halves["encoder"], halves["decoder"]).train()

    def step(network: SegmentationModule, dtype: torch.dtype) -> dict[str, Tensor]:
        network = copy.deepcopy(network).to(dtype)
        outputs = network(recorder.image(image["shape"], image["seed"]).to(dtype), recorder.target(labels))
        outputs["loss"].sum().backward()
        outputs["grad_norm"] = norms(network)

        def named(key: str) -> str:
            half, _, rest = key.partition(".")
            return f"{half}{separator}{rest}" if separator else rest

        for key, value in network.named_parameters():
            if value.grad is not None and ("conv1.weight" in key or "conv_last" in key or ".bn3.bias" in key):
                outputs[f"grad:{named(key)}"] = thinned(value.grad)
        for key, buffer in network.named_buffers():
            if "running" in key and ("encoder.bn1" in key or "decoder" in key or "features.17" in key):
                outputs[f"after:{named(key)}"] = buffer
        return outputs

    manifest: dict[str, Any] = {
        "source": {
            "repo": "CSAILVision/semantic-segmentation-pytorch",
            "args": {"arch_encoder": encoder, "arch_decoder": decoder, "fc_dim": 512, "num_class": 6},
        },
        "mode": "train",
        "align_corners": False,
        "inputs": [image, labels],
        "outputs": {
            "loss": "NLL of logp, ignore_index -1, plus 0.4 * the same of logp_deepsup, labels at the logits' scale",
            "grad:KEY": "gradient of loss; more than 4000 numbers are stored as g.reshape(-1)[::numel//1000][:1000]",
            "after:KEY": "running statistics after this one forward (momentum 0.001)",
        },
        "state_dicts": keys,
    }
    name = f"csail_{encoder}_{decoder}_train{separator or '_bare'}".replace(".", "").replace(":", "_").replace("/", "_")
    return recorder.write(name, manifest, step(module, torch.float32), step(module, torch.float64), atol=3e-2)
