"""To what size a configuration of MMSegmentation brings test pictures, by the steps of its test pipeline.

0.x has its steps in MultiScaleFlipAug, whose `img_scale` is what the Resize in it takes, and which keeps proportions
unless told otherwise. 1.x (MMCV 2) gives a Resize its own `scale` and keeps none unless told. Without a Resize, both
test pictures at their own size.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sceneparse.weights.importing.families.mmseg.configuration import Configuration, type_of

MULTI_SCALE = "MultiScaleFlipAug"

HARMLESS = (
    "Load",
    "Pack",
    "Collect",
    "DefaultFormatBundle",
    "ImageToTensor",
    "ToTensor",
    "ToDataContainer",
    "Transpose",
)
"""Beginnings of steps that read a picture or hand it on."""

OTHERWISE_READ = ("Normalize", "RandomFlip", "ReduceZeroLabel", "GenerateEdge")
"""Steps that are read elsewhere, or that do nothing to test pictures."""


@dataclass(frozen=True)
class TestedSize:
    """What test pictures are brought to.

    Args:
        resize: As in `protocol.resize`, "none" with `factor`; None where it is not known.
        size: The short side of "short", or height and width of "fixed".
        longest: Upper bound of the long side under "short"; None for none.
        factor: What own sides are multiplied by under "none".
        unread: What of the pipeline no protocol does, or is not understood, for people.
    """

    resize: Literal["none", "short", "fixed"] | None = None
    size: tuple[int, ...] = ()
    longest: int | None = None
    factor: float = 1.0
    unread: tuple[str, ...] = ()


def tested_size(configuration: Configuration) -> TestedSize | None:
    """Return to what size a configuration brings test pictures; None where it has no test pipeline."""
    if all(pipeline is None for pipeline in _pipelines(configuration)):
        return None
    found = TestedSize("none")
    unread: list[str] = []
    steps = pipeline_steps(configuration)
    if steps is None:
        return TestedSize(unread=("its test pipeline cannot be read",))
    for step, scale in steps:
        kind = type_of(step)
        if kind in ("Resize", "ResizeShortestEdge"):
            if found != TestedSize("none"):
                unread.append("it resizes pictures more than once")
            sized = _shortest(step) if kind == "ResizeShortestEdge" else _resized(step, scale)
            if sized is None:
                unread.append(f"its step {_shown(step)} cannot be followed")
            found = sized or TestedSize()
            if step.get("interpolation", "bilinear") != "bilinear":
                unread.append(f"its step {kind} has interpolation {step.get('interpolation')!r}; here it is bilinear")
        elif kind == MULTI_SCALE:
            unread += _several(step)
        elif kind is None:
            unread.append("one of its steps cannot be read")
            found = TestedSize()
        elif not (kind.startswith(HARMLESS) or kind in OTHERWISE_READ):
            unread.append(f"its step {_shown(step)} is left out")
    return TestedSize(found.resize, found.size, found.longest, found.factor, (*unread, *_padded(configuration)))


def pipeline_steps(configuration: Configuration) -> list[tuple[Mapping[str, Any], Any]] | None:
    """Return the steps that test pictures go through, each with the scale that is handed to it; None without any.

    Those in a MultiScaleFlipAug follow it. What cannot be read is an empty step.
    """
    for pipeline in _pipelines(configuration):
        if isinstance(pipeline, list | tuple) and pipeline:
            return [one for step in pipeline for one in _with_inner(step)]
    return None


def _pipelines(configuration: Configuration) -> Iterator[Any]:
    """Yield what may be the test pipeline: that of the data, before a variable that it need not have been made from."""
    for group, key in (("test_dataloader", "dataset"), ("data", "test")):
        outer = configuration.get(group)
        data = outer.get(key) if isinstance(outer, Mapping) else None
        while isinstance(data, Mapping):  # a data set in a wrapper, such as ConcatDataset
            yield data.get("pipeline")
            inner = data.get("dataset", data.get("datasets"))
            data = inner[0] if isinstance(inner, list | tuple) and inner else inner
    yield configuration.get("test_pipeline")


def _with_inner(step: Any) -> Iterator[tuple[Mapping[str, Any], Any]]:
    if not isinstance(step, Mapping):
        yield {}, None
        return
    yield step, None
    if type_of(step) == MULTI_SCALE:
        inner = step.get("transforms")
        handed = _handed(step)
        for one in inner if isinstance(inner, list | tuple) else [None]:
            yield one if isinstance(one, Mapping) else {}, handed


def _resized(step: Mapping[str, Any], scale: Any) -> TestedSize | None:
    """Return what a Resize brings pictures to; None where no protocol does it.

    Args:
        step: The step.
        scale: What MultiScaleFlipAug hands to it: two sides, or what the picture's own are multiplied by; None outside
            of one.
    """
    older = scale is not None or "img_scale" in step
    if scale is None:
        scale = step.get("scale", step.get("img_scale"))
    keeps = step.get("keep_ratio", older)
    if scale is None and (factor := _number(step.get("scale_factor"))) is not None:
        return TestedSize("none", factor=factor)
    if isinstance(scale, float) and older:
        return TestedSize("none", factor=scale)
    if isinstance(scale, int) and not isinstance(scale, bool):
        scale = (scale, scale)
    if not isinstance(scale, list | tuple) or len(scale) != 2 or any((_number(one) or 0) < 1 for one in scale):
        return None
    if keeps is True:
        short, long = sorted(scale)
        if (least := _number(step.get("min_size"))) is not None:
            short, long = max(short, least), math.inf  # the Resize of 0.x then has no bound
        return (
            None if math.isinf(short) else TestedSize("short", (int(short),), None if math.isinf(long) else int(long))
        )
    if keeps is not False or any(math.isinf(one) for one in scale):
        return None
    width, height = scale
    return TestedSize("fixed", (int(height), int(width)))


def _shortest(step: Mapping[str, Any]) -> TestedSize | None:
    scale, longest = step.get("scale"), _number(step.get("max_size"))
    side = _number(scale[0] if isinstance(scale, list | tuple) and scale else scale)
    if side is None or longest is None or side < 1 or math.isinf(side):
        return None
    return TestedSize("short", (int(side),), None if math.isinf(longest) else int(longest))


def _several(step: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a MultiScaleFlipAug does that is not taken: several sizes, mirror images."""
    scale, given, ratios = step.get("img_scale"), step.get("img_ratios"), _ratios(step)
    if isinstance(scale, list | tuple) and len(scale) > 1 and isinstance(scale[0], list | tuple):
        yield f"its {MULTI_SCALE} tests at several sizes (img_scale), of which the first is taken"
    elif len(ratios) > 1:
        yield f"its {MULTI_SCALE} tests at several sizes (img_ratios), of which that of {_ratio(ratios)} is taken"
    elif not ratios and given is not None and given not in (1, [1], (1,)):
        yield f"its {MULTI_SCALE} has img_ratios that cannot be read, and are left out"
    if step.get("flip") is True:
        yield f"its {MULTI_SCALE} also tests mirror images, which is left out"


def _padded(configuration: Configuration) -> Iterator[str]:
    """Yield a line where the network of 1.x pads test pictures."""
    model = configuration.get("model")
    for given in (
        model.get("data_preprocessor") if isinstance(model, Mapping) else None,
        configuration.get("data_preprocessor"),
    ):
        test = given.get("test_cfg") if isinstance(given, Mapping) else None
        if isinstance(test, Mapping) and any(test.get(key) is not None for key in ("size", "size_divisor")):
            yield "its data_preprocessor pads test pictures (test_cfg), which is left out"
            return


def _handed(step: Mapping[str, Any]) -> Any:
    """Return what a MultiScaleFlipAug hands to its Resize: two sides, or what the picture's own are multiplied by."""
    scale, ratios = step.get("img_scale"), _ratios(step)
    if isinstance(scale, list | tuple) and scale and isinstance(scale[0], list | tuple):
        return scale[0]  # it does not multiply several
    if not scale or not ratios:
        return scale or (_ratio(ratios) if ratios else None)
    if not isinstance(scale, list | tuple) or any(_number(side) is None or math.isinf(side) for side in scale):
        return scale
    return tuple(int(side * _ratio(ratios)) for side in scale)


def _ratios(step: Mapping[str, Any]) -> list[float]:
    """Return by what a MultiScaleFlipAug multiplies sides, which it does with floats alone."""
    given = step.get("img_ratios")
    values = given if isinstance(given, list | tuple) else [given]
    known = [one for one in values if isinstance(one, float) and one > 0]
    return known if len(known) == len(values) else []


def _ratio(ratios: list[float]) -> float:
    """Return the one of several that is taken: sides as they are, or the first."""
    return 1.0 if 1.0 in ratios else ratios[0]


def _number(given: Any) -> float | None:
    known = isinstance(given, int | float) and not isinstance(given, bool) and given > 0
    return float(given) if known else None


def _shown(step: Mapping[str, Any]) -> str:
    """Return a step for people, without values that could not be read."""
    values = [
        f"{key}={value}" for key, value in step.items() if key != "type" and isinstance(value, bool | int | float | str)
    ]
    sizes = [f"{key}={value}" for key, value in step.items() if isinstance(value, list | tuple) and _plain(value)]
    return f"{(type_of(step) or '')[:60]}({', '.join((*sizes, *values))[:120]})"


def _plain(values: Any) -> bool:
    return all(isinstance(one, int | float) for one in values)
