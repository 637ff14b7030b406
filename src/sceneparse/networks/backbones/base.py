"""The interface of all backbones: channels and strides, pretrained parameters, and whether they can be exported."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from sceneparse.errors import UserError
from sceneparse.settings.backbone import Stage3End

STRIDES = (4, 8, 16, 32)
"""Strides of stages 1 to 4 before any stage gives up its own."""


class Backbone(nn.Module):
    """A feature extractor: it turns a picture into one map per stage, at growing strides.

    Heads, the optimiser, exports and the loader of pretrained weights ask a backbone these things, and never look at
    what it is made of.

    Args:
        name: The name that `backbone.name` gives it.
        body: The layers; `backbone.body.` begins the names of their weights in a model folder.
        channels: Channels of each stage's map.
        strides: Stride of each stage's map; not always whole (a plain ViT with patches of 14 pixels).
        unexportable: Why it cannot be exported for pictures of any size; None where it can.
        stage3_end: At which of two blocks stage 3 ends; see `make_backbone`.

    Attributes:
        in_channels: Channels of the picture; None where they are those of the first convolution.
        inexact: Why its features, dilated, are not those that its pretrained weights were trained for; None where they
            are.
    """

    body: nn.Module
    in_channels: int | None = None
    inexact: str | None = None

    smallest = 33
    """Rows and columns of a picture at least with which all maps have two: programs for any size take no fewer."""

    def __init__(
        self,
        name: str,
        body: nn.Module,
        *,
        channels: list[int],
        strides: tuple[float, ...],
        unexportable: str | None = None,
        stage3_end: Stage3End = "own",
    ) -> None:
        super().__init__()
        self.name = name
        self.body = body
        self.channels = channels
        self.strides = strides
        self.unexportable = unexportable
        self.stage3_end = stage3_end
        self._held: list[nn.Module] = []

    def forward(self, images: Tensor) -> list[Tensor]:
        """Turn normalised pictures (N, in_channels, H, W) into a map per stage, (N, channels[i], ceil(H / s), …)."""
        raise NotImplementedError(f"{type(self).__name__} has no forward()")

    def pretrained_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the parameters that pretrained weights fill; they learn slower than new ones."""
        return self.body.parameters()

    def depth_groups(self) -> list[list[nn.Parameter]]:
        """Return the parameters that pretrained weights fill, in groups of growing depth.

        Layers learn at rates that differ from group to group (`optimizer.layer_decay`). A backbone that says nothing
        of its own is a single group.
        """
        return [list(self.pretrained_parameters())]

    def stage_ends(self) -> list[int]:
        """Return how many of `depth_groups` lie up to the end of each stage that `freeze` can end at."""
        return list(range(1, len(self.depth_groups()) + 1))

    def freeze(self, stages: int | None) -> None:
        """Hold the first stages as they are, in training too.

        Their parameters get no gradient, so that autograd keeps nothing of what they compute; their modules stay in
        evaluation mode, so that batch norm keeps its statistics.

        Args:
            stages: How many; None holds all that pretrained weights fill.

        Raises:
            UserError: There are not so many that can be told apart.
        """
        groups, ends = self.depth_groups(), self.stage_ends()
        if stages is not None and stages >= len(ends):
            which = f"so many stages (1 to {len(ends) - 1}) or all" if len(ends) > 1 else "as a whole only (all)"
            raise UserError(f"backbone {self.name}: backbone.frozen is {stages}, but it can be frozen {which}")
        held = groups if stages is None else groups[: ends[stages - 1]]
        for parameter in (parameter for group in held for parameter in group):
            parameter.requires_grad_(False)
        still = [module for module in self.modules() if _stands_still(module)]
        # What has no parameters, such as dropout, stands still with the block that it lies in.
        self._held = list(dict.fromkeys(inside for module in still for inside in module.modules()))
        self.train(self.training)

    def train(self, mode: bool = True) -> "Backbone":
        """Set training or evaluation mode, the latter always for what is held."""
        super().train(mode)
        for module in self._held:
            module.training = False
        return self

    def load_hub_weights(self, in_channels: int) -> None:
        """Load the pretrained weights from the publisher's hub into the body.

        Args:
            in_channels: Channels of the pictures; where they are not three, the first convolution is adapted.

        Raises:
            LookupError: There are no such weights.
            Exception: They could not be fetched: whatever the network or the disk says.
        """
        raise LookupError(f"there are no weights of {self.name} with {in_channels} channels to fetch")

    def convert_weights(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Give the tensors of a weights file the body's names and shapes, as far as its publisher's differ.

        Args:
            state: Tensors by name, as the file has them.
        """
        return dict(state)

    def first_weights(self) -> Sequence[str]:
        """Return the names that the first convolution's weight may have in a weights file.

        The loader adapts this weight to pictures of other than three channels. Where there are no names, weights of
        three channels fit pictures of three channels alone.
        """
        return ()

    def classifier_keys(self) -> Sequence[str]:
        """Return the prefixes of the classifier's keys in a weights file, which are left out."""
        return ()


def _stands_still(module: nn.Module) -> bool:
    """Whether a module has parameters, none of which learns."""
    parameters = list(module.parameters())
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)


@dataclass(frozen=True)
class BackboneKind:
    """An entry of the table of backbones that are not timm's: one that is made as it is, without a choice of settings.

    Args:
        make: Makes it with random weights, of its name and the channels of the picture.
        output_stride: Stride of its last map; `network.output_stride` must be this.
    """

    make: Callable[[str, int], Backbone]
    output_stride: int
