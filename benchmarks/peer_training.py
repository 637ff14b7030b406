"""A training step in `peers.py`: forward, loss, backward and update, in every form that is compared."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peer_inference import Row
from peer_networks import OURS, PEERS, PREPROCESSING, Case, finish, main_logits, padded
from sceneparse.devices import float32_products
from sceneparse.devices.convolutions import measured_convolutions
from sceneparse.labels import IGNORE
from sceneparse.networks import SceneParser, normalize, resize
from sceneparse.processes import ALONE
from sceneparse.settings import OptimizerSettings
from sceneparse.training.compiling import compiled
from sceneparse.training.graphed import GraphedGradients, record_on_cuda
from sceneparse.training.losses.cross_entropy import CrossEntropy
from sceneparse.training.losses.heads import segmentation_loss
from sceneparse.training.losses.kind import LossContext
from sceneparse.training.losses.targets import Targets
from sceneparse.training.optimizer import build_optimizer, fuses, skip_where

Loss = Callable[[Tensor, Tensor], Tensor]
"""Normalised pictures (N, 3, H, W) and targets (N, H, W) int16 to a loss."""

AUX_WEIGHT = 0.4
OPTIMIZER = OptimizerSettings(lr=1e-4, head_factor=1)  # small: random pictures teach nothing, and must not diverge


def rows_of(case: Case) -> list[Row]:
    """All rows."""
    both = ("float32", "bfloat16")
    rows = [Row("sceneparse", "channels-last", each) for each in both]
    rows += [Row("plain", "channels-last", each) for each in both]
    for name in case.peers:
        peer = PEERS[name]
        shares = bool(peer.rename)
        rows.append(Row(f"{name}, as it is", "eager", "float32", (peer.package,), shares))
        rows.append(Row(f"{name}, channels-last", "channels-last", "bfloat16", (peer.package,), shares))
    return rows


class Step:
    """A training step on a batch that stays.

    Ours is as a training has it, with the convolutions that are measured as the fastest on a GPU.

    Args:
        case: The network.
        row: Whose, and how: eager, channels-last, compile, or graph, for which the third step records.
        state: Our weights; None leaves random ones.
        device: Where.
        batch: Pictures in the batch.
    """

    def __init__(self, case: Case, row: Row, state: Mapping[str, Tensor] | None, device: str, batch: int) -> None:
        self.network, self.loss, self.optimizer = _made(case, row, state, device)
        self.layout = torch.contiguous_format if row.engine == "eager" else torch.channels_last
        self.network.to(memory_format=self.layout)
        self.precision, self.mixed = row.precision, row.precision == "bfloat16"
        where = torch.device(device)
        self.measured = row.network == "sceneparse" and where.type == "cuda"
        self.gradients: Callable[[Tensor, Targets], Tensor] = self._gradients
        if row.engine == "graph":
            weights = list(self.network.parameters())
            self.gradients = GraphedGradients(self._gradients, weights, partial(record_on_cuda, where))
        self.images = case.picture(batch).to(device)
        generator = torch.Generator().manual_seed(0)
        regions = torch.randint(0, case.classes, (batch, 1, 8, 8), generator=generator).float()
        target = F.interpolate(regions, (case.side, case.side)).to(torch.int16)[:, 0]
        target[:, :2] = IGNORE
        self.target = target.to(device)

    def forward(self, images: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        pixels = normalize(images, PREPROCESSING.mean, PREPROCESSING.std).contiguous(memory_format=self.layout)
        with torch.autocast(pixels.device.type, torch.bfloat16, enabled=self.mixed):
            return self.loss(pixels, target)

    def _gradients(self, images: Tensor, targets: Targets) -> Tensor:
        """The loss; its gradients are the weights'."""
        loss = self.forward(images, targets.objects)
        loss.backward()
        return loss.detach()

    def without_dropout(self) -> float:
        """The loss with all channels in their place: what forms with the same weights agree on."""
        layers = [module for module in self.network.modules() if isinstance(module, nn.Dropout | nn.Dropout2d)]
        for layer in layers:
            layer.eval()
        with torch.no_grad(), float32_products(self.precision):
            loss = float(self.forward(self.images, self.target))
        for layer in layers:
            layer.train()
        return loss

    def __call__(self) -> None:
        """One step."""
        with float32_products(self.precision), measured_convolutions() if self.measured else nullcontext():
            loss = self.gradients(self.images, Targets(self.target))
        if self.optimizer.defaults["fused"]:
            skip_where(self.optimizer, loss.isfinite().logical_not().float())
        self.optimizer.step()
        self.optimizer.zero_grad()


def make_step(case: Case, row: Row, device: str, threads: int, batch: int) -> Step:
    """For a process of its own."""
    torch.set_num_threads(threads)
    return Step(case, row, None, device, batch)


def _made(
    case: Case, row: Row, state: Mapping[str, Tensor] | None, device: str
) -> tuple[nn.Module, Loss, torch.optim.Optimizer]:
    """The network in training mode, its loss and its optimiser."""
    if row.network in ("sceneparse", "plain"):
        ours = case.ours(OURS[row.network])
        if state is not None:
            ours.load_state_dict(state)
        ours = ours.to(device)
        if row.network == "plain":
            loss = plain_loss(ours)
            return ours, torch.compile(loss) if row.engine == "compile" else loss, build_optimizer(ours, OPTIMIZER)
        # As a training has it.
        where = torch.device(device)
        network = compiled(ours, where, ALONE) if row.engine == "compile" else ours
        fused = fuses(where, row.precision, sharded=False)  # type: ignore[arg-type]
        return ours, banded_loss(network, ours.align_corners), build_optimizer(ours, OPTIMIZER, fused=fused)
    peer = PEERS[row.network]
    network = peer.make(case)
    if state is not None:
        peer.load(network, state)
    network = network.to(device).train()
    optimizer = torch.optim.SGD(
        network.parameters(), OPTIMIZER.lr, momentum=OPTIMIZER.momentum, weight_decay=OPTIMIZER.weight_decay
    )
    return network, _own(network) if peer.package == "transformers" else _usual(network, peer.multiple), optimizer


def banded_loss(network: nn.Module, align_corners: bool) -> Loss:
    """The same, without scores at the picture's size: sceneparse's own loss."""

    def loss(pixels: Tensor, target: Tensor) -> Tensor:
        output = network(pixels)
        context = LossContext(align_corners)
        return segmentation_loss(output, target, context, loss=CrossEntropy(), aux_weight=AUX_WEIGHT).total

    return loss


def plain_loss(network: SceneParser) -> Loss:
    """Cross-entropy of the interpolated scores, the auxiliary ones by 0.4, as it is usually written."""

    def loss(pixels: Tensor, target: Tensor) -> Tensor:
        size, long = (target.shape[-2], target.shape[-1]), target.long()
        output = network(pixels)
        main, aux = (
            F.cross_entropy(resize(logits, size, network.align_corners), long, ignore_index=IGNORE)
            for logits in (output.logits, output.aux)
        )
        return main + AUX_WEIGHT * aux

    return loss


def _own(network: nn.Module) -> Loss:
    """transformers computes its loss itself, the auxiliary one by 0.4; what is ignored has index 255 there."""

    def loss(pixels: Tensor, target: Tensor) -> Tensor:
        value: Tensor = network(pixels, labels=target.long().masked_fill(target == IGNORE, 255)).loss
        return value

    return loss


def _usual(network: nn.Module, multiple: int) -> Loss:
    """Cross-entropy of the scores that a network gives at the picture's size, and of the auxiliary ones if any."""

    def loss(pixels: Tensor, target: Tensor) -> Tensor:
        size, long = (target.shape[-2], target.shape[-1]), target.long()
        output = network(padded(pixels, multiple))
        total = F.cross_entropy(finish(main_logits(output), size, multiple, "scores"), long, ignore_index=IGNORE)
        if isinstance(output, dict):
            total = total + AUX_WEIGHT * F.cross_entropy(output["aux"], long, ignore_index=IGNORE)
        return total

    return loss
