"""Architectures: one declaration each, from which building, model card, inventory, defaults and refusals follow.

Another package adds one by an entry point of the group `sceneparse.architectures` that names its declaration. Nothing
here imports torch: settings are checked, and help is printed, without it.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from typing import Any

from sceneparse.errors import UserError, require
from sceneparse.settings.backbone import BackboneSettings
from sceneparse.settings.network import NetworkSettings, Resampling
from sceneparse.settings.tasks import TaskSettings
from sceneparse.tables import Table

RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnet50s", "resnet101s", "mobilenetv2_100")

ALWAYS = ("output_stride", "norm_momentum")
"""Settings that every architecture has, because building sees to them."""

AUXILIARY = ("aux", "aux_channels")
"""Settings of the auxiliary head."""


@dataclass(frozen=True)
class Architecture:
    """What is known of an architecture.

    A setting of `network:` that is named nowhere here has no effect on it, and is refused unless it is at its default.

    Args:
        network: The class, a `SceneParser`, as "module:Class". It is called with the backbone, the number of classes
            and, as keyword arguments, what `arguments` gives.
        title: What a model card calls it.
        takes: The settings that the class takes as keyword arguments of the same name.
        paper: The arXiv id of its paper, such as "1612.01105"; None leaves the line out.
        expands: Settings that the class takes under other names: what turns the setting's value into its arguments.
        auxiliary: Whether it can have an auxiliary head, so that the class takes `aux` and `aux_channels`; if not,
            `network.aux` must be false.
        strides: The output strides that there are, the usual one first. A single one leaves no choice.
        fewer_stages: Whether it can stand on a backbone of fewer than four stages.
        reads: How many of the backbone's stages the decoder reads, counted from the last; None: all. The auxiliary head
            reads stage 3 besides.
        learns_tasks: Whether it learns several tasks: the class has `network.tasks`' heads, is called with the names of
            the tasks that are asked for, and gives a `UnifiedOutput`.
        options: A frozen dataclass of settings of its own, which a recipe gives below `network.options`; the class
            takes each of its fields as a keyword argument.
        checks: Functions that refuse settings which do not go together, by a `UserError`.
        side: Side in pixels of the square picture for which `sceneparse models` counts multiply-adds.
        backbones: The backbones that `sceneparse models` lists it with.
    """

    network: str
    title: str
    takes: tuple[str, ...]
    paper: str | None = None
    expands: Mapping[str, Callable[[Any], Mapping[str, Any]]] = field(default_factory=dict)
    auxiliary: bool = True
    strides: tuple[int, ...] = (8, 16, 32)
    fewer_stages: bool = False
    reads: Callable[[NetworkSettings], int] | None = None
    learns_tasks: bool = False
    options: type | None = None
    checks: tuple[Callable[[NetworkSettings], None], ...] = ()
    side: int = 473
    backbones: tuple[str, ...] = RESNETS

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings of `network:` that have an effect, in the order of `NetworkSettings`."""
        uses = {*ALWAYS, *self.takes, *self.expands, *(AUXILIARY if self.auxiliary else ())}
        uses |= {"stages"} if self.fewer_stages else set()
        uses |= set() if self.learns_tasks else {"threshold"}
        uses |= {"options"} if self.options is not None else set()
        return tuple(known.name for known in fields(NetworkSettings) if known.name in uses)

    def refuse_unused(self, network: NetworkSettings) -> None:
        """Refuse settings that would have no effect, and those that do not go together.

        Raises:
            UserError: There is one; the message names it, and the settings that this architecture uses.
        """
        name = network.architecture
        require(
            self.auxiliary or not network.aux,
            f"network.aux is true, but {name} has no auxiliary head: set it to false",
        )
        self._refuse_stride(network)
        self.own_options(network)
        uses = {*self.settings, "architecture", "options", *AUXILIARY[:1]}
        for known in fields(network):
            if known.name not in uses and getattr(network, known.name) != _default(known):
                shown = ", ".join(self.settings)
                raise UserError(f"network.{known.name} has no effect on {name}, which uses {shown}")
        for check in self.checks:
            check(network)

    def _refuse_stride(self, network: NetworkSettings) -> None:
        stride, name = network.output_stride, network.architecture
        if len(self.strides) == 1:
            require(
                stride == self.strides[0],
                f"network.output_stride is {stride}, but {name} has no choice: it is {self.strides[0]}; set it to null",
            )
        *others, last = sorted(self.strides)
        require(
            stride in self.strides,
            f"network.output_stride is {stride}, but {name} takes {', '.join(map(str, others))} and {last} only",
        )

    def refuse_unread(self, backbone: BackboneSettings, network: NetworkSettings) -> None:
        """Refuse settings of the backbone that change only stages which this network does not read.

        Raises:
            UserError: There is one that is not at its default.
        """
        if network.aux or self.reads is None or self.reads(network) > 1:
            return
        for known in fields(backbone):
            if known.name in ("stage3_end", "final_norm_on"):
                given = getattr(backbone, known.name)
                require(
                    given == known.default,
                    f"backbone {backbone.name}: backbone.{known.name} is {given}, which has no effect: "
                    f"{network.architecture} without an auxiliary head (network.aux) reads the last stage alone; leave "
                    f"it at {known.default}",
                )

    def own_options(self, network: NetworkSettings) -> Any:
        """The settings below `network.options`, as an `options`; None for an architecture without any.

        Raises:
            UserError: There are none, an unknown one, or a wrong value.
        """
        from sceneparse.recipes.options import read_options  # which reads settings, and so asks for architectures

        return read_options(self.options, network.options, "network.options", f"architecture {network.architecture}")

    def arguments(self, network: NetworkSettings) -> dict[str, Any]:
        """The keyword arguments of the class: all settings that it takes, and nothing else."""
        taken = (*self.takes, *(AUXILIARY if self.auxiliary else ()))
        found: dict[str, Any] = {name: getattr(network, name) for name in taken}
        for name, expand in self.expands.items():
            found |= expand(getattr(network, name))
        own = self.own_options(network)
        return found if own is None else found | {known.name: getattr(own, known.name) for known in fields(own)}


def architecture_of(network: NetworkSettings) -> Architecture:
    """The declaration of the architecture that settings name."""
    return ARCHITECTURES[network.architecture]


def computed_as(network: NetworkSettings, form: Resampling) -> NetworkSettings:
    """The settings with heads computed in a form; unchanged where the architecture has one form alone."""
    return replace(network, resampling=form) if "resampling" in architecture_of(network).settings else network


def _default(known: "Field[Any]") -> Any:
    return known.default if known.default_factory is MISSING else known.default_factory()


def _needs_bins(network: NetworkSettings) -> None:
    require(len(network.bins) >= 1, "network.bins is [], but needs at least one grid size, each at least 1")


def _branch_differs(network: NetworkSettings) -> None:
    require(
        network.branch != "norm_but_one" or 1 in network.bins,
        f"network.branch is norm_but_one, which has no effect: network.bins {list(network.bins)} has no grid of one "
        "cell; leave it at norm",
    )


def _branch_reduces(network: NetworkSettings) -> None:
    require(
        network.branch == "norm" or network.reduce,
        "network.branch has no effect, since network.reduce is false: pooled maps keep their width",
    )


def _kernel_dilates(network: NetworkSettings) -> None:
    require(
        network.head_dilation == 1 or network.kernel > 1,
        f"network.head_dilation is {network.head_dilation}, which has no effect: network.kernel is 1; leave it at 1",
    )


def _stages_suffice(network: NetworkSettings) -> None:
    last = 2 ** (network.stages + 1)
    require(
        network.output_stride is None or network.output_stride <= last,
        f"network.output_stride is {network.output_stride}, but {network.stages} stages end at stride {last}",
    )
    require(
        network.stages >= 3 or not network.aux,
        "network.aux is true, but with 2 stages there is no stage 3 to learn on",
    )


def _without_bins(network: NetworkSettings) -> None:
    """Refuse settings of a pyramid pooling that is left out."""
    if network.bins:
        return
    for known in fields(network):
        if known.name in ("pool", "branch_channels", "resize_first"):
            require(
                getattr(network, known.name) == known.default,
                f"network.{known.name} has no effect, since network.bins is []: there is no pyramid pooling",
            )
    require(
        network.fuse or network.resampling == "exact",
        "network.resampling has no effect, since network.bins is [] and network.fuse is false: no convolution stands "
        "on resized maps",
    )


def _task_heads(tasks: TaskSettings) -> dict[str, Any]:
    if tasks.from_data:
        raise ValueError("network.tasks.from_data must have become numbers before a network is built")
    return {
        "scenes": tasks.scenes,
        "parts": sum(tasks.parts),
        "materials": tasks.materials,
        "textures": tasks.textures,
        "scene_head": tasks.scene_head,
    }


_HEAD = ("channels", "dropout", "align_corners")
_POOLING = ("bins", "pool", "branch_channels")
_LEVELS = (*_HEAD, *_POOLING, "resize_first", "feature_norm", "feature_norm_eps", "align_logits", "resampling")

PSPNET = Architecture(
    network="sceneparse.networks.pspnet:PSPNet",
    title="PSPNet",
    paper="1612.01105",
    takes=(*_HEAD, *_POOLING, "reduce", "branch", "kernel", "classifier_kernel", "resampling"),
    fewer_stages=True,
    reads=lambda _: 1,
    checks=(_needs_bins, _branch_reduces, _branch_differs, _stages_suffice),
)

UPERNET = Architecture(
    network="sceneparse.networks.upernet:UPerNet",
    title="UPerNet",
    paper="1807.10221",
    takes=(*_LEVELS, "finest", "fuse"),
    strides=(32,),
    checks=(_without_bins,),
    side=512,
    backbones=(
        *RESNETS,
        "convnext_tiny",
        "convnext_tiny.dinov3_lvd1689m",
        "swin_tiny_patch4_window7_224",
        "vit_small_patch16_dinov3",
    ),
)

UPERNET_CONCAT = Architecture(
    network="sceneparse.networks.concat_upernet:ConcatUPerNet",
    title="UPerNet with concatenated levels",
    paper="1807.10221",
    takes=(*_HEAD, *_POOLING, "branch", "resampling"),
    strides=(32,),
    checks=(_needs_bins, _branch_differs),
    side=512,
)

UPERNET_UNIFIED = Architecture(
    network="sceneparse.networks.unified:UnifiedUPerNet",
    title="Unified UPerNet",
    paper="1807.10221",
    takes=_LEVELS,
    expands={"tasks": _task_heads},
    auxiliary=False,
    strides=(32,),
    learns_tasks=True,
    checks=(_needs_bins,),
    side=512,
)

FCN = Architecture(
    network="sceneparse.networks.fcn:FCN",
    title="FCN",
    paper="1411.4038",
    takes=(*_HEAD, "convolutions", "concat_input", "head_dilation", "concat_stages", "kernel"),
    reads=lambda network: 4 if network.concat_stages else 1,
    checks=(_kernel_dilates,),
)

PSPNET_MULTILABEL = Architecture(
    network="sceneparse.networks.multilabel:MultiLabelPSPNet",
    title="Multi-label PSPNet",
    paper="1612.01105",
    takes=(*_HEAD, *_POOLING, "reduce", "branch", "resampling"),
    reads=lambda _: 1,
    checks=(_needs_bins, _branch_reduces, _branch_differs),
    backbones=(*RESNETS, "squeezenet1_1_stride8", "densenet121_stride8"),
)

DEEPLABV3 = Architecture(
    network="sceneparse.networks.deeplabv3:DeepLabV3",
    title="DeepLabV3",
    paper="1706.05587",
    takes=(*_HEAD, "resampling", "project"),
    strides=(8, 16),
    reads=lambda _: 1,
    side=513,
)

LINEAR = Architecture(
    network="sceneparse.networks.linear:Linear",
    title="Linear head",
    paper="2304.07193",
    takes=("layers", "dropout", "align_corners"),
    auxiliary=False,
    strides=(16, 8, 32),
    reads=lambda network: network.layers,
    side=518,
    backbones=("vit_small_patch14_dinov2",),
)

ARCHITECTURES: Table[Architecture] = Table(
    "architectures",
    own={
        "pspnet": f"{__name__}:PSPNET",
        "upernet": f"{__name__}:UPERNET",
        "upernet_concat": f"{__name__}:UPERNET_CONCAT",
        "upernet_unified": f"{__name__}:UPERNET_UNIFIED",
        "fcn": f"{__name__}:FCN",
        "pspnet_multilabel": f"{__name__}:PSPNET_MULTILABEL",
        "deeplabv3": f"{__name__}:DEEPLABV3",
        "linear": f"{__name__}:LINEAR",
    },
    kind=f"{__name__}:Architecture",
)
"""The architectures by the names that `network.architecture` gives them."""
