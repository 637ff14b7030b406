"""Which of a Label Studio task's pictures each region is on: tasks may have several pictures, or lists of them."""

from __future__ import annotations

import xml.etree.ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sceneparse.datasets.annotations.jsonfiles import as_key
from sceneparse.datasets.annotations.locating import plain
from sceneparse.pictures.forms import PICTURE_SUFFIXES

CONFIGURATION = "labeling.xml"
"""The labeling configuration beside an export, which says what the picture tags show."""


class PicturesError(ValueError):
    """It is open which picture a region is on, or a task has none; the message says why."""


@dataclass(frozen=True)
class Configuration:
    """What a labeling configuration says of pictures.

    Args:
        shown: By the name of each picture tag, the key of a task's data that it shows.
        controls: By the name of each labelling tag, the name of the picture tag that it draws on.
    """

    shown: Mapping[str, str] = field(default_factory=dict)
    controls: Mapping[str, str] = field(default_factory=dict)


def configuration_in(root: Path) -> Configuration:
    """Return what labeling.xml in a folder says; nothing where there is none, or it cannot be read."""
    try:
        tags = list(xml.etree.ElementTree.parse(root / CONFIGURATION).iter())
    except (OSError, xml.etree.ElementTree.ParseError):
        return Configuration()
    shown, controls = {}, {}
    for tag in tags:
        name, data = tag.get("name"), tag.get("value") or tag.get("valueList") or ""
        if name and tag.tag == "Image" and data.startswith("$"):
            shown[name] = data[1:]
        elif name and (target := tag.get("toName")):
            controls[name] = target
    return Configuration(shown, controls)


def pictures_of(data: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the addresses of pictures in a task's data: of each key one, or those of a list."""
    found = {}
    for key, value in data.items():
        addresses = value if isinstance(value, list) else [value]
        if addresses and all(isinstance(one, str) and _is_picture(one) for one in addresses):
            found[key] = addresses
    return found


def _is_picture(address: str) -> bool:
    return Path(plain(address)).suffix.lower() in PICTURE_SUFFIXES


def by_picture(
    pictures: Mapping[str, Sequence[str]], results: Sequence[Any], configuration: Configuration
) -> dict[tuple[str, int], list[Any]]:
    """Return a task's results by the picture that they are of: its key in the data, and its place in a list.

    A picture tag shows the data's key that the configuration says, or else the one of its own name, as in Label
    Studio's templates, or the only one that there is. Results that are no regions are left out where there are several
    pictures.

    Args:
        pictures: As `pictures_of` gives them.
        results: The results of an annotation.
        configuration: The labeling configuration, as far as it is known.

    Raises:
        PicturesError: There is no picture, or one cannot be told which a region is on.
    """
    if not pictures:
        raise PicturesError("has no picture")
    if len(pictures) == 1 and len(addresses := next(iter(pictures.values()))) == 1 and _are_of_one(results):
        return {(next(iter(pictures)), 0): list(results)} if addresses else {}
    found: dict[tuple[str, int], list[Any]] = {}
    for result in results:
        if not isinstance(result, dict) or "original_width" not in result:
            continue
        key = _key(pictures, result, configuration)
        number = result.get("item_index")
        if number is None and len(pictures[key]) == 1:
            number = 0
        if number is None:
            raise PicturesError(
                f"has {len(pictures[key])} pictures in '{key}', and region {result.get('id')} does not say which it is "
                "on (item_index); export it as JSON with a newer Label Studio, or give each picture a task of its own"
            )
        if not isinstance(number, int) or not 0 <= number < len(pictures[key]):
            raise PicturesError(
                f"has {len(pictures[key])} pictures in '{key}', but region {result.get('id')} is on number {number} "
                "(item_index, from 0); export it again"
            )
        found.setdefault((key, number), []).append(result)
    return found


def _are_of_one(results: Sequence[Any]) -> bool:
    return not any(isinstance(result, dict) and result.get("item_index") for result in results)


def _key(pictures: Mapping[str, Sequence[str]], result: Mapping[str, Any], configuration: Configuration) -> str:
    """The key of the picture, or list of pictures, that a region is on."""
    name = as_key(result.get("to_name")) or configuration.controls.get(str(result.get("from_name")))
    key = configuration.shown.get(str(name), name)
    if len(pictures) == 1 and (key not in pictures):
        return next(iter(pictures))
    if key not in pictures:
        where = "does not say which it is on" if name is None else f"is on '{name}'"
        raise PicturesError(
            f"has pictures in {', '.join(map(repr, pictures))}, and a region {where}; put the labeling configuration "
            f"(Settings, Labeling Interface, Code) beside the export as {CONFIGURATION}, and export JSON, not JSON-MIN"
        )
    return str(key)
