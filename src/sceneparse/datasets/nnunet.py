"""Say how a folder in nnU-Net's layout, or the Medical Segmentation Decathlon's, becomes one of cases.

Their dataset.json names channels (`channel_names`, before version 2 `modality`) and labels, by number or by name.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sceneparse.arguments import together
from sceneparse.errors import UserError

GATHERED = re.compile(r"^(images|labels|masks|segmentations)(tr|ts|va|_\w+)?$", re.IGNORECASE)
"""Folders in which the volumes of all cases lie together."""


def nnunet_layout(root: Path, in_one_folder: Sequence[Path]) -> UserError:
    """Return an error that says all that is to be done to a folder whose volumes lie together.

    Args:
        root: The folder.
        in_one_folder: The folders in it that hold volumes of all cases (`GATHERED`).
    """
    lie = " and ".join(f"{folder.name}/" for folder in in_one_folder[:4])
    if not any(folder.name.lower() in ("imagestr", "labelstr") for folder in in_one_folder) and _has_cases(
        root, in_one_folder
    ):
        return UserError(
            f"{root}: the volumes of all cases lie in {lie} beside folders of cases: move {lie} out of {root}"
        )
    said = _read(root / "dataset.json")
    channels = _channels(said)
    images = " and ".join(f"imagesTr/X_{index:04}.nii.gz to X/X_{name}.nii.gz" for index, name in enumerate(channels))
    aside = [f"{folder.name}/" for folder in in_one_folder if folder.name.lower() not in ("imagestr", "labelstr")]
    given = {"data.nifti.modalities": channels, "backbone.in_channels": len(channels)}
    return UserError(
        f"{root}: the volumes of all cases lie in {lie} (nnU-Net's layout), but here each case has a folder of its "
        f"own: move {images}, and labelsTr/X.nii.gz to X/X_seg.nii.gz"
        f"{f'; move {_and(aside)} out of {root}' if aside else ''}; write {_classes(said)} to classes.json, and the "
        f"names of the cases to train with and to validate with to train.txt and val.txt, one a line; give "
        f"{together(given, between=' and ')}"
    )


def _and(names: Sequence[str]) -> str:
    return " and ".join(names)


def _has_cases(root: Path, in_one_folder: Sequence[Path]) -> bool:
    folders = [folder for folder in root.iterdir() if folder.is_dir() and folder not in in_one_folder]
    return any(next(folder.glob("*.nii*"), None) is not None for folder in folders)


def _read(path: Path) -> Mapping[str, Any]:
    """Return what dataset.json says; nothing of one that is not there or is not readable, as it is only for advice."""
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, Mapping) else {}


def _channels(said: Mapping[str, Any]) -> list[str]:
    """Return a word for each channel: its name where it has one."""
    given = said.get("channel_names", said.get("modality"))
    if not isinstance(given, Mapping) or not given:
        return ["ct"]
    words = [re.sub(r"[\W_]+", "", str(name)).lower() for name in given.values()]
    return words if all(words) and len(set(words)) == len(words) else [f"c{index}" for index in range(len(words))]


def _classes(said: Mapping[str, Any]) -> str:
    """Return what classes.json must hold, where dataset.json has one name for each number; its form where not."""
    given = said.get("labels")
    pairs = dict(given.items()) if isinstance(given, Mapping) else {}
    if all(str(key).isdecimal() for key in pairs):
        pairs = {name: int(key) for key, name in pairs.items() if isinstance(name, str)}
    if pairs and all(isinstance(value, int) and not isinstance(value, bool) for value in pairs.values()):
        names = [str(name) for name in sorted(pairs, key=lambda name: pairs[name])]
        ids = sorted(pairs.values())
        content = {"names": names} if ids == list(range(len(ids))) else {"names": names, "ids": ids}
        return json.dumps(content, ensure_ascii=False)
    return 'the names of the labels, which are in dataset.json, as {"names": ["background", …]}'
