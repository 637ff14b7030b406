"""The normalisation that a network keeps as buffers, or that its training states: a mean and a standard deviation."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.settings import PreprocessingSettings
from sceneparse.weights.importing.family import OpenSetting
from sceneparse.weights.importing.left_out import METRIC
from sceneparse.weights.importing.processors import IMAGENET, Beside, shown_numbers
from sceneparse.weights.importing.stated import NUMBERS, Stated

BUFFER = re.compile(
    r"^(?:(?P<place>(?:\w*(?:normali[sz]|preproc|pre_proc|transform|input|image_norm|img_norm)\w*|norm)(?:\.\w+)?|\d+)\.)?"
    r"(?P<kind>(?:pixel_|image_|img_|input_|norm_|rgb_|_)?)(?P<name>mean|std)$"
)
"""Buffers with which a wrapper or a network itself normalises pictures: `mean`, `pixel_std`, `normalize.mean`, and
`0.mean` of an nn.Sequential."""

RANGE = "input_range"
"""What segmentation_models_pytorch calls the range of a picture's values beside them, such as [0, 255]."""

RESULTS = re.compile(
    r"^(\w*_)?(results?|scores?|metrics?|history|evaluation|timings?|gradients?)(_\w+)?$", re.IGNORECASE
)
"""What training scripts call what they measured."""

CLOSE = 0.02
"""How near a mean is to ImageNet's that is meant to be it."""


def is_buffer(key: str) -> bool:
    """Return whether a key is one that normalises pictures, by its name."""
    return BUFFER.match(key) is not None


def of_buffers(buffers: Mapping[str, Tensor], file: str) -> Beside:
    """Take the normalisation that is kept as buffers; a line says so, or why not. Nothing where there are none.

    Args:
        buffers: By their keys, `is_buffer`: values of a picture's values in 0..1 or in 0..255, one or three.
        file: The file's name, for people.
    """
    pairs: dict[str, dict[str, Any]] = {}
    for key, tensor in buffers.items():
        match = BUFFER.match(key)
        assert match is not None
        place = f"{match['place'] or ''}{'.' if match['place'] else ''}{match['kind']}"
        # A tensor of more numbers than channels is described by how many there are.
        values = [float(one) for one in tensor.flatten()[:5]]
        pairs.setdefault(place, {})[match["name"]] = values
    found = _of_pairs({f"its buffers {place}mean and {place}std": pair for place, pair in pairs.items()}, file)
    # Of several that differ, the first is taken; see `_of_pairs`.
    bare = next(iter(pairs), None) == "" and max(map(abs, (*pairs[""].get("mean", ()), *pairs[""].get("std", ())))) <= 2
    return replace(found, of_wrapper=bare and found.preprocessing is not None)


def if_in_bytes(taken: PreprocessingSettings) -> OpenSetting:
    """Return a warning that a normalisation which was taken for pictures in 0..1 may have been of those in 0..255."""
    mean, std = ([round(value / 255, 9) for value in values] for values in (taken.mean, taken.std))
    return OpenSetting(
        "preprocessing.mean",
        "its buffers mean and std are taken for pictures in 0..1; the Lightning example of segmentation_models_pytorch "
        "gives them pictures in 0..255, and no key tells: if yours does, give "
        f"{argument('preprocessing.mean', mean)} and {argument('preprocessing.std', std)}",
    )


def of_stated(stated: Iterable[Stated], file: str) -> Beside:
    """Take the normalisation that a training states among its settings; a line says so, or why not.

    Args:
        stated: What the file says.
        file: Its name, for people.
    """
    pairs: dict[str, dict[str, Any]] = {}
    stated = tuple(stated)
    bytes_in = {one.group for one in stated if one.key == RANGE and _numbers(one.value) == [0.0, 255.0]}
    for one in stated:
        match = NUMBERS.match(one.key)
        if match is not None and one.of_network and not _is_measured(one):
            place = f"{one.group}{'.' if one.group else ''}{match[1] or ''}"
            pairs.setdefault(place, {})[match[2]] = _numbers(one.value)
            if one.group in bytes_in:
                pairs[place][RANGE] = [0.0, 255.0]
    return _of_pairs({f"{place}mean and {place}std": pair for place, pair in pairs.items()}, file)


def _is_measured(one: Stated) -> bool:
    """Return whether a value stands among what was measured of a network, of which there are means and deviations."""
    return any(METRIC.match(part) or RESULTS.match(part) for part in one.group.split("."))


def is_turned(found: PreprocessingSettings) -> bool:
    """Return whether a mean is ImageNet's in the order blue, green, red."""
    return all(abs(one - two) < CLOSE for one, two in zip(found.mean, IMAGENET.mean[::-1], strict=True)) and not all(
        abs(one - two) < CLOSE for one, two in zip(found.mean, IMAGENET.mean, strict=True)
    )


def _of_pairs(pairs: Mapping[str, Mapping[str, Any]], file: str) -> Beside:
    taken: dict[str, tuple[PreprocessingSettings, str]] = {}
    notes: list[str] = []
    for what, pair in pairs.items():
        found = _settings(pair.get("mean"), pair.get("std"), in_bytes=RANGE in pair)
        if found is None:
            said = ", ".join(
                f"{name} {shown_numbers(value) if value else '?'}" for name, value in pair.items() if name != RANGE
            )
            notes.append(
                f"{file}: {what} are not taken as normalisation ({said}): both need three numbers, or one for all; if "
                f"they are it, give {argument('preprocessing.mean')} and {argument('preprocessing.std')}"
            )
        else:
            taken[what] = found
    if not taken:
        return Beside(notes=tuple(notes))
    what, (first, unit) = next(iter(taken.items()))
    if differing := [other for other, (found, _) in taken.items() if not nearly_equal(found, first)]:
        notes.append(f"{file}: {' and '.join(differing)} differ from them and are not taken")
    shown = f"mean {shown_numbers(first.mean)}, standard deviation {shown_numbers(first.std)}"
    return Beside(first, None, (f"{file}: {what} are taken for pictures in {unit}: {shown}", *notes))


def nearly_equal(one: PreprocessingSettings, two: PreprocessingSettings) -> bool:
    """Return whether two normalisations are the same, written with fewer digits."""
    values = zip((*one.mean, *one.std), (*two.mean, *two.std), strict=True)
    return all(abs(first - second) < 2e-3 for first, second in values)


def _settings(
    mean: Sequence[float] | None, std: Sequence[float] | None, *, in_bytes: bool
) -> tuple[PreprocessingSettings, str] | None:
    """Return a normalisation and the range of the pictures that it is for; None for what is none."""
    if not mean or not std or len(mean) not in (1, 3) or len(std) not in (1, 3):
        return None
    means, stds = (tuple(values) * (3 // len(values)) for values in (mean, std))
    scale = 255.0 if in_bytes or max(*means, *stds) > 2 else 1.0  # no mean of values in 0..1 is above 1
    try:
        found = PreprocessingSettings(tuple(m / scale for m in means), tuple(s / scale for s in stds))
    except UserError:
        return None
    return found, "0..255" if scale > 1 else "0..1"


def _numbers(value: Any) -> list[float] | None:
    values = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in values):
        return None
    return [float(one) for one in values]
