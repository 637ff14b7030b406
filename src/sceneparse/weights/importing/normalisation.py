"""The normalisation that a network keeps as buffers, or that its training states: a mean and a standard deviation."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from sceneparse.arguments import argument, together
from sceneparse.errors import UserError
from sceneparse.settings import PreprocessingSettings
from sceneparse.weights.importing.family import OpenSetting
from sceneparse.weights.importing.pickles import Inert
from sceneparse.weights.importing.processors import IMAGENET, Beside, shown_numbers
from sceneparse.weights.importing.standing import KINDS, standing
from sceneparse.weights.importing.stated import NUMBERS, Stated

BUFFER = re.compile(
    r"^(?:(?P<place>(?:\w*(?:normali[sz]|preproc|pre_proc|transform|input|image_norm|img_norm)\w*|norm)(?:\.\w+)?|\d+)\.)?"
    r"(?P<kind>(?:pixel_|image_|img_|input_|norm_|rgb_|_)?)(?P<name>mean|std)$"
)
"""Buffers with which a wrapper or a network itself normalises pictures: `mean`, `pixel_std`, `normalize.mean`, and
`0.mean` of an nn.Sequential."""

RANGE = "input_range"
"""What segmentation_models_pytorch calls the range of a picture's values beside them, such as [0, 255]."""

MOST = "max_pixel_value"
"""What albumentations calls the greatest value of the pictures that it normalises."""

NUMPY = "NumPy's arrays and numbers in a pickle are not read"

LARGEST = 2
"""Above it are means and deviations of values in 0..255 alone: no mean of values in 0..1 is above 1."""

CLOSE = 0.02
"""How near a mean is to ImageNet's that is meant to be it."""


def is_buffer(key: str) -> bool:
    """Return whether a key is one that normalises pictures, by its name."""
    return BUFFER.match(key) is not None


def of_buffers(buffers: Mapping[str, Tensor], file: str, channels: int = 3) -> Beside:
    """Take the normalisation that is kept as buffers; a line says so, or why not. Nothing where there are none.

    Args:
        buffers: By their keys, `is_buffer`: values of a picture's values in 0..1 or in 0..255, one or one a channel.
        file: The file's name, for people.
        channels: Of a picture.
    """
    pairs: dict[str, dict[str, Any]] = {}
    for key, tensor in buffers.items():
        match = BUFFER.match(key)
        assert match is not None
        place = f"{match['place'] or ''}{'.' if match['place'] else ''}{match['kind']}"
        # Of a tensor of more numbers than channels one more is enough to tell.
        values = [float(one) for one in tensor.flatten()[: channels + 1]]
        pairs.setdefault(place, {})[match["name"]] = values
    named = {f"its buffers {place}mean and {place}std": pair for place, pair in pairs.items()}
    found = _of_pairs(named, file, channels)
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
        f"{together({'preprocessing.mean': mean, 'preprocessing.std': std}, between=' and ')}",
    )


def of_stated(stated: Iterable[Stated], file: str, channels: int = 3) -> Beside:
    """Take the normalisation that a training states among its settings; a line says so, or why not.

    One in a group whose name means what is done to pictures is believed before others, which must have a value for
    each channel: a single number is as often a score's mean.

    Args:
        stated: What the file says.
        file: Its name, for people.
        channels: Of a picture.
    """
    stated = tuple(stated)
    bytes_in = {one.group for one in stated if one.key == RANGE and _numbers(one.value) == [0.0, 255.0]}
    sure: dict[str, dict[str, Any]] = {}
    plain: dict[str, dict[str, Any]] = {}
    doubtful: dict[str, dict[str, Any]] = {}
    listed: list[dict[str, Any]] = []
    places = {"preprocessing": sure, "plain": plain, "doubtful": doubtful}
    for one in stated:
        match = NUMBERS.match(one.key)
        if match is None or not one.of_network:
            continue
        neighbours = [other for other in stated if other.group == one.group and isinstance(other.value, str)]
        kinds, names = ([other.value for other in neighbours if other.key in keys] for keys in (KINDS, ("name",)))
        place = standing(one.group.split(".") if one.group else (), kinds, names)
        if place == "other":
            continue
        if place == "plain" and match[1] is not None and match[1] not in ("data_", "dataset_"):
            place = "preprocessing"  # as pixel_mean's own name says
        pair = places[place].setdefault(f"{one.group}{'.' if one.group else ''}{match[1] or ''}", {})
        pair[match[2]] = _unread(one.value) or _numbers(one.value)
        if one.group in bytes_in:
            pair[RANGE] = [0.0, 255.0]
        if isinstance(one.value, list | tuple) and channels == 1:
            listed.append(pair)
    single = {where: pair for where, pair in plain.items() if _has_length(pair, 1) and pair not in listed}
    taken = {**sure, **{where: pair for where, pair in plain.items() if where not in single}}
    found = _of_pairs({f"{where}mean and {where}std": pair for where, pair in taken.items()}, file, channels)
    if found.preprocessing is not None:
        return replace(found, open=(*found.open, *_of_most(stated, taken, found.preprocessing)))
    unsure = single | {where: pair for where, pair in doubtful.items() if _has_length(pair, channels)}
    notes = [
        _not_taken(f"{where}mean and {where}std", pair, file, "nothing says that they are of pictures' values")
        for where, pair in unsure.items()
    ]
    return replace(found, notes=(*found.notes, *notes), unread=found.unread or "".join(notes[:1]))


def _of_most(
    stated: Sequence[Stated], taken: Mapping[str, Mapping[str, Any]], found: PreprocessingSettings
) -> tuple[OpenSetting, ...]:
    """Return a warning where albumentations' Normalize says that pictures were in 0..1 when it saw them.

    Args:
        stated: What the file says.
        taken: Pairs of a mean and a deviation by where they stand, with a dot at the end.
        found: The normalisation that is taken.
    """
    sides = {where: (pair.get("mean"), pair.get("std")) for where, pair in taken.items() if RANGE not in pair}
    small = {
        where.rpartition(".")[0]
        for where, both in sides.items()
        if all(isinstance(side, list) and max(side, default=0) <= LARGEST for side in both)
    }
    said = [one for one in stated if one.key == MOST and one.group in small and _numbers(one.value) == [1.0]]
    if not said:
        return ()
    mean, std = ([round(value / 255, 9) for value in values] for values in (found.mean, found.std))
    advice = (
        f"{said[0].path} is 1.0: the mean is taken for pictures in 0..1, as ToFloat makes them; if yours were in "
        f"0..255, give {together({'preprocessing.mean': mean, 'preprocessing.std': std}, between=' and ')}"
    )
    return (OpenSetting("preprocessing.mean", advice),)


def _has_length(pair: Mapping[str, Any], count: int) -> bool:
    """Return whether a mean and a deviation are both there, and of so many numbers."""
    return all(isinstance(pair.get(name), list) and len(pair[name]) == count for name in ("mean", "std"))


def is_turned(found: PreprocessingSettings) -> bool:
    """Return whether a mean is ImageNet's in the order blue, green, red."""
    # Of four bands, blue, green, red and infrared is a usual order of their own.
    if len(found.mean) != len(IMAGENET.mean):
        return False
    return _is_close(found.mean, IMAGENET.mean[::-1]) and not _is_close(found.mean, IMAGENET.mean)


def _is_close(one: Sequence[float], two: Sequence[float]) -> bool:
    return all(abs(first - second) < CLOSE for first, second in zip(one, two, strict=True))


def _of_pairs(pairs: Mapping[str, Mapping[str, Any]], file: str, channels: int) -> Beside:
    taken: dict[str, tuple[PreprocessingSettings, str]] = {}
    notes: list[str] = []
    for what, pair in pairs.items():
        found = _settings(pair.get("mean"), pair.get("std"), channels, in_bytes=RANGE in pair)
        if found is not None:
            taken[what] = found
            continue
        why = next((value for value in pair.values() if isinstance(value, str)), "")
        why = why or _too_large(pair, channels)
        number = {1: "one number", 3: "three numbers, or one for all"}.get(
            channels, f"{channels} numbers, or one for all"
        )
        notes.append(_not_taken(what, pair, file, why or f"both need {number}"))
    if not taken:
        return Beside(notes=tuple(notes), unread="".join(notes[:1]))
    what, (first, unit) = next(iter(taken.items()))
    differing = [other for other, (found, _) in taken.items() if not nearly_equal(found, first)]
    shown = f"mean {shown_numbers(first.mean)}, standard deviation {shown_numbers(first.std)}"
    opened = (differing_from(what, " and ".join(differing)),) if differing else ()
    return Beside(first, None, (f"{file}: {what} are taken for pictures in {unit}: {shown}", *notes), opened)


def _too_large(pair: Mapping[str, Any], channels: int) -> str:
    """Return why a mean and a deviation of the right length are none of pictures in 0..255; "" where they may be."""
    fits = any(_has_length(pair, count) for count in (1, channels))
    if not fits or max(pair["mean"]) <= 255:
        return ""
    return "they are of values above 255, but here a picture's range is brought to 0..1 before it is normalised"


def differing_from(taken: str, others: str) -> OpenSetting:
    """Return a warning that a file has several normalisations, which aren't the same."""
    return OpenSetting(
        "preprocessing.mean",
        f"{taken} are taken, but {others} differ from them: if these are how your pictures were normalised, give "
        f"{argument('preprocessing.mean')} and {argument('preprocessing.std')}",
    )


def _not_taken(what: str, pair: Mapping[str, Any], file: str, why: str) -> str:
    said = ", ".join(
        f"{name} {shown_numbers(value)}"
        for name, value in pair.items()
        if name != RANGE and value and not isinstance(value, str)
    )
    return (
        f"{file}: {what} are not taken as normalisation{f' ({said})' if said else ''}: {why}; if they are it, give "
        f"{argument('preprocessing.mean')} and {argument('preprocessing.std')}"
    )


def nearly_equal(one: PreprocessingSettings, two: PreprocessingSettings) -> bool:
    """Return whether two normalisations are the same, written with fewer digits."""
    if len(one.mean) != len(two.mean):
        return False
    values = zip((*one.mean, *one.std), (*two.mean, *two.std), strict=True)
    return all(abs(first - second) < 2e-3 for first, second in values)


def _settings(
    mean: Sequence[float] | None, std: Sequence[float] | None, channels: int, *, in_bytes: bool
) -> tuple[PreprocessingSettings, str] | None:
    """Return a normalisation and the range of the pictures that it is for; None for what is none."""
    if not isinstance(mean, list) or not isinstance(std, list) or {len(mean), len(std)} - {1, channels}:
        return None
    # One value for all is brought to as many as there are channels later, see `channels.fitted`.
    count = channels if channels in (len(mean), len(std)) else 3
    means, stds = (tuple(values) * (count // len(values)) for values in (mean, std))
    scale = 255.0 if in_bytes or max(*means, *stds) > LARGEST else 1.0
    try:
        found = PreprocessingSettings(tuple(m / scale for m in means), tuple(s / scale for s in stds))
    except UserError:
        return None
    return found, "0..255" if scale > 1 else "0..1"


def _unread(value: Any) -> str:
    """Return why a value gives no numbers that could be read; "" for one that does, or is none."""
    values = value if isinstance(value, list | tuple) else [value]
    return NUMPY if any(isinstance(one, Inert) and one.name.startswith("numpy") for one in values) else ""


def _numbers(value: Any) -> list[float] | None:
    values = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in values):
        return None
    return [float(one) for one in values]
