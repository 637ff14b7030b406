"""What is known of a file of MMSegmentation beside its keys: from its own configuration, or from its published name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sceneparse.errors import UserError
from sceneparse.weights.importing.families.mmseg.configuration import Configuration, type_of
from sceneparse.weights.importing.families.mmseg.pipeline import TestedSize, pipeline_steps, tested_size

HEADS = {"PSPHead": "pspnet", "UPerHead": "upernet", "FCNHead": "fcn", "ASPPHead": "deeplabv3"}
"""Our architectures by MMSegmentation's decode heads."""

Numbers = tuple[int, ...]

STRIDES: Mapping[str, tuple[list[int], list[int]]] = {
    **dict.fromkeys(("ResNet", "ResNetV1c", "ResNetV1d", "ResNeSt"), ([1, 2, 2, 2], [1, 1, 1, 1])),
    "MobileNetV2": ([1, 2, 2, 2, 1, 2, 1], [1] * 7),
}
"""Strides and dilations of MMSegmentation's backbones where a configuration leaves them out."""

COMPARED = (
    ("network.align_corners", "align_corners", "align_corners"),
    ("network.output_stride", "strides", "strides"),
    ("network.output_stride", "dilations", "dilations"),
    ("network.output_stride", "multi_grid", "multi_grid"),
    ("network.head_dilation", "dilation", "head_dilation"),
    ("network.bins", "pool_scales", "bins"),
    ("backbone.blocks", "out_indices", "out_indices"),
    ("protocol", "test_cfg", "windows"),
)
"""What is compared of a file's configuration and that of its published name: the setting here, its name there, and its
name in `Facts`."""


@dataclass(frozen=True)
class Facts:
    """Settings of one file; None where they are not known, or where the network has none.

    Args:
        source: Where they are from, for people.
        head: MMSegmentation's decode head.
        backbone: MMSegmentation's backbone.
        align_corners: As in `network.align_corners`.
        strides: Strides of the backbone's stages.
        dilations: Dilations of the backbone's stages.
        contract: Whether the first block of a dilated stage has half of it.
        multi_grid: Dilations of the blocks of the last stage.
        caffe: Whether a bottleneck has its stride on its first convolution.
        head_dilation: Dilation of the FCN's convolutions.
        rates: Dilations of the atrous pyramid.
        bins: Grid sizes of the pyramid.
        out_indices: The blocks of a plain transformer that are taken, counted from 0.
        threshold: Of a head with a single logit, the probability above which a pixel is its class's.
        tested: What test pictures are brought to; None where nothing says it.
        window: Height and width of sliding windows; None tests whole pictures.
        step: Their step down and across, in pixels.
        mean, std: What is taken off each channel, and what it is divided by, 0..255, in the order of the channels; one
            value stands for all of them.
        bgr: Whether a network of three channels takes BGR.
    """

    source: str
    head: str | None = None
    backbone: str | None = None
    align_corners: bool | None = None
    strides: Numbers | None = None
    dilations: Numbers | None = None
    contract: bool = True
    multi_grid: Numbers | None = None
    caffe: bool = False
    head_dilation: int | None = None
    rates: Numbers | None = None
    bins: Numbers | None = None
    out_indices: Numbers | None = None
    threshold: float | None = None
    tested: TestedSize | None = None
    window: Numbers | None = None
    step: Numbers | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    bgr: bool = False

    @property
    def windows(self) -> str:
        """How pictures are tested, for people."""
        return "whole pictures" if self.window is None else f"windows of {self.window} with steps of {self.step}"


def facts_of(configuration: Configuration) -> Facts:
    """Return the facts in a file's configuration; what it leaves out is what MMSegmentation's classes default to."""
    model = _mapping(configuration, "model")
    backbone, head = _mapping(model, "backbone"), _mapping(model, "decode_head")
    # The first versions had the test mode beside the model.
    test = _mapping(model, "test_cfg") or _mapping(configuration, "test_cfg")
    kind = type_of(backbone)
    strides, dilations = STRIDES.get(kind or "", (None, None))
    normalised = _normalisation(configuration, model)
    slides = test.get("mode") == "slide"
    return Facts(
        source="its own configuration",
        head=type_of(head),
        backbone=kind,
        align_corners=_boolean(head.get("align_corners", False)),
        strides=numbers(backbone.get("strides", strides)),
        dilations=numbers(backbone.get("dilations", dilations)),
        contract=backbone.get("contract_dilation", False) is True,
        multi_grid=numbers(backbone.get("multi_grid")),
        caffe=backbone.get("style") == "caffe",
        head_dilation=_integer(head.get("dilation", 1)),
        rates=numbers(head.get("dilations", [1, 6, 12, 18] if type_of(head) == "ASPPHead" else None)),
        bins=numbers(head.get("pool_scales", [1, 2, 3, 6])),
        out_indices=numbers(backbone.get("out_indices")),
        threshold=_share(head.get("threshold")),
        tested=tested_size(configuration),
        window=_sides(test.get("crop_size")) if slides else None,
        step=_sides(test.get("stride")) if slides else None,
        mean=normalised.mean,
        std=normalised.std,
        bgr=normalised.bgr,
    )


def differences(said: Facts, published: Facts) -> Iterator[tuple[str, str, Any, Any]]:
    """Yield what a file's own configuration says otherwise than that of its published name.

    Yields:
        The setting here that it decides, its name in MMSegmentation, and both values.
    """
    for setting, name, own in COMPARED:
        one, other = getattr(said, own), getattr(published, own)
        if None not in (one, other) and one != other:
            yield setting, name, one, other


@dataclass(frozen=True)
class _Normalised:
    """What a configuration normalises pictures by; None where that cannot be read, or nothing says it."""

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    bgr: bool = False


def _normalisation(configuration: Configuration, model: Mapping[str, Any]) -> _Normalised:
    """Return how pictures are normalised: by the network of 1.x, by the test pipeline, or as a variable says."""
    # Pictures are read as BGR. The network of 1.x turns them only if it is told so, Normalize unless it is told not to.
    preprocessor = _mapping(model, "data_preprocessor") or _mapping(configuration, "data_preprocessor")
    turned = any(preprocessor.get(key) is True for key in ("bgr_to_rgb", "rgb_to_bgr"))
    steps = [step for step in _steps(configuration) if type_of(step) == "Normalize"]
    variable = _mapping(configuration, "img_norm_cfg")
    if preprocessor.get("mean") is not None:
        return _by(preprocessor, bgr=not turned)
    for given in (*steps, variable):
        if _fractions(given.get("mean")) is not None:
            return _by(given, bgr=given.get("to_rgb", True) is False)
    if steps or variable:
        return _Normalised()  # by values that cannot be read, such as a name of another file
    if preprocessor:
        return _Normalised((0.0,), (1.0,), bgr=not turned)
    # In 0.x the steps say it, and one of them would have been Normalize.
    inner = [step.get("transforms") for step in _steps(configuration) if type_of(step) == "MultiScaleFlipAug"]
    known = any(isinstance(many, list | tuple) and all(isinstance(one, Mapping) for one in many) for many in inner)
    return _Normalised((0.0,), (1.0,), bgr=True) if known else _Normalised()


def _by(given: Mapping[str, Any], *, bgr: bool) -> _Normalised:
    return _Normalised(_fractions(given.get("mean")), _fractions(given.get("std")), bgr)


def _steps(configuration: Configuration) -> list[Mapping[str, Any]]:
    return [step for step, _ in pipeline_steps(configuration) or ()]


def _mapping(given: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = given.get(key)
    return value if isinstance(value, Mapping) else {}


def numbers(given: Any) -> Numbers | None:
    """Return whole numbers; None for anything else."""
    if not isinstance(given, list | tuple) or not given or not all(_integer(value) is not None for value in given):
        return None
    return tuple(given)


def _sides(given: Any) -> Numbers | None:
    side = _integer(given)
    found = (side, side) if side is not None else numbers(given)
    return found if found is not None and len(found) == 2 and min(found) >= 1 else None


def _fractions(given: Any) -> tuple[float, ...] | None:
    if not isinstance(given, list | tuple) or not given:
        return None
    whole = all(isinstance(value, int | float) and not isinstance(value, bool) for value in given)
    return tuple(float(value) for value in given) if whole else None


def _integer(given: Any) -> int | None:
    return given if isinstance(given, int) and not isinstance(given, bool) else None


def _share(given: Any) -> float | None:
    if not isinstance(given, int | float) or isinstance(given, bool):
        return None
    if not 0 < given < 1:
        raise UserError(f"its configuration decides at the threshold {given}, which no probability is on both sides of")
    return float(given)


def _boolean(given: Any) -> bool | None:
    return given if isinstance(given, bool) else None


def _text(given: Any) -> str | None:
    return given if isinstance(given, str) else None
