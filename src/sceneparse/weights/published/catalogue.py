"""The catalogue of published checkpoints: what each is, where it lies, how good it is, and under which terms.

The facts are those of the owners' own pages, metafiles and code (`Published.source`); figures are the owners', measured
under their protocols. Checksums: in names of MMSegmentation 0.x and torchvision the eight digits before the suffix
begin the SHA-256 of the file; in those of MMSegmentation 1.x they belong to a file that was not published. Full ones
and sizes are those of OpenVINO's Open Model Zoo.
"""

import csv
import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sceneparse.downloading import read_record
from sceneparse.files import cache_folder
from sceneparse.weights.published.names import CONVERTED, plain_name, short_names
from sceneparse.weights.published.terms import terms_of

RECORD = "fetched.json"
"""What was fetched into a checkpoint's folder: addresses, sizes, full checksums. They hold for later fetches too."""

DRIVE = "drive.google.com"
"""A host that gives its files to browsers only."""


@dataclass(frozen=True)
class File:
    """A file of a published checkpoint.

    Args:
        urls: The owner's address, then mirrors.
        checksum: "sha256:…" or "sha384:…" with all digits or the first ones; None where none is known.
        bytes: Its size; None where that is not known.
    """

    urls: tuple[str, ...]
    checksum: str | None = None
    bytes: int | None = None

    @property
    def name(self) -> str:
        """The file's own name."""
        return urlsplit(self.urls[0]).path.rsplit("/", 1)[1]


@dataclass(frozen=True)
class Published:
    """A published checkpoint.

    Args:
        name: As its owner calls it; of a repository on the Hugging Face hub its id.
        short: A short name that no other checkpoint has; None where there is none.
        plain: Architecture, backbone and data, which several may share.
        family: Whose code reads it: a name of `sceneparse import --from`.
        architecture: As its owner says.
        backbone: As its owner says.
        data: What it was trained on.
        classes: How many classes it has, in words where these are several numbers.
        files: What is fetched, in the order in which `import` is given them; the encoder first.
        licence: Of the weights, as far as the owner says.
        miou: Mean IoU in % at one scale; None where that is not published.
        miou_multiscale: Mean IoU in % at several scales.
        protocol: How both were measured.
        source: Where these facts are from.
        refused: Why it cannot be imported; None for one that can.
    """

    name: str
    short: str | None
    plain: str
    family: str
    architecture: str
    backbone: str
    data: str
    classes: str
    files: tuple[File, ...]
    licence: str
    miou: float | None
    miou_multiscale: float | None
    protocol: str
    source: str
    refused: str | None = None

    @property
    def terms(self) -> str:
        """The terms of the data that it was trained on."""
        return terms_of(self.data)

    @property
    def on_hub(self) -> bool:
        """Whether it is a repository on the Hugging Face hub, whose id is its name."""
        return self.family in CONVERTED

    @property
    def by_hand(self) -> bool:
        """Whether only a browser can fetch it."""
        return any(urlsplit(file.urls[0]).hostname == DRIVE for file in self.files)

    @property
    def folder(self) -> Path:
        """Its folder in the cache: what was fetched, the record of that, and the model folder."""
        return cache_folder() / "models" / self.name.replace("/", "--")

    @property
    def bytes(self) -> int | None:
        """The size of all its files, as published or as they were fetched; None where that is not known.

        Raises:
            UserError: The record of what was fetched is damaged.
        """
        record = {} if self.on_hub else read_record(self.folder / RECORD)
        sizes = [record.get(file.name, {}).get("bytes", file.bytes) for file in self.files]
        return None if None in sizes else sum(sizes)

    def licence_line(self) -> str:
        """Return the licence and the terms of the data, in a line."""
        return (
            f"licence of the weights: {self.licence or 'not stated'}; trained on {self.data} (its terms: {self.terms})"
        )

    def to_json(self) -> dict[str, Any]:
        """Return all that is known of it."""
        return {
            "name": self.name,
            "short": self.short,
            "family": self.family,
            "architecture": self.architecture,
            "backbone": self.backbone,
            "data": self.data,
            "classes": self.classes,
            "miou": self.miou,
            "miou_multiscale": self.miou_multiscale,
            "protocol": self.protocol,
            "licence": self.licence or None,
            "terms": self.terms,
            "bytes": self.bytes,
            "by_hand": self.by_hand,
            "refused": self.refused,
            "files": [{"urls": list(file.urls), "checksum": file.checksum, "bytes": file.bytes} for file in self.files],
            "source": self.source,
        }


@cache
def catalogue() -> tuple[Published, ...]:
    """Return all published checkpoints that are known, in the order of their families."""
    text = (resources.files("sceneparse.weights.published") / "catalogue.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    short = short_names(rows)
    return tuple(_entry(row, short.get(row["name"])) for row in rows)


def find_published(name: str) -> Published | None:
    """Return the checkpoint of this name, the owner's or the short one; None if there is none."""
    return next((one for one in catalogue() if name in (one.name, one.short)), None)


def sharing(plain: str) -> list[Published]:
    """Return the checkpoints of this architecture, backbone and data, such as pspnet-resnet50-cityscapes."""
    return [one for one in catalogue() if one.plain == plain and not one.on_hub]


def nearest(name: str, count: int = 3) -> list[str]:
    """Return the names that are most like one that there is not."""
    names = [known for one in catalogue() for known in (one.short, one.name) if known]
    wanted = name.lower()
    # What was begun right is likelier meant than what is as long.
    begun = sorted((known for known in names if known.startswith(wanted)), key=len)
    return list(dict.fromkeys([*begun, *difflib.get_close_matches(wanted, names, n=count, cutoff=0.5)]))[:count]


def matching(words: Iterable[str]) -> list[Published]:
    """Return the checkpoints in whose names, family, architecture, backbone, data, licence or terms all words occur.

    Upper and lower case are the same. A word that is one of their names picks that one alone.
    """
    wanted = [word.lower() for word in words]
    if len(wanted) == 1 and (exact := [one for one in catalogue() if wanted[0] in _names(one)]):
        return exact
    return [one for one in catalogue() if all(word in _text(one) for word in wanted)]


def _names(one: Published) -> list[str]:
    return [name.lower() for name in (one.name, one.short) if name]


def _text(one: Published) -> str:
    facts = (one.plain, one.family, one.architecture, one.backbone, one.data, one.licence, one.terms, one.protocol)
    return "\n".join([*_names(one), *facts]).lower()


def _entry(row: dict[str, str], short: str | None) -> Published:
    urls, mirrors, checksums, sizes = (row[key].split() for key in ("url", "mirror", "checksum", "bytes"))
    files = tuple(
        File(
            (url, *mirrors[index : index + 1]),
            checksums[index] if checksums else None,
            int(sizes[index]) if sizes else None,
        )
        for index, url in enumerate(urls)
    )
    return Published(
        name=row["name"],
        short=short,
        plain=plain_name(row),
        family=row["family"],
        architecture=row["architecture"],
        backbone=row["backbone"],
        data=row["data"],
        classes=row["classes"],
        files=files,
        licence=row["licence"],
        miou=_figure(row["miou"]),
        miou_multiscale=_figure(row["miou_multiscale"]),
        protocol=row["protocol"],
        source=row["source"],
        refused=_refusal(row),
    )


def _refusal(row: dict[str, str]) -> str | None:
    """Return why a checkpoint cannot be imported; None if it can."""
    if "+jpu" in row["architecture"]:
        return "its joint pyramid upsampling (FastFCN) cannot be imported"
    if row["architecture"] == "lraspp":
        return "LR-ASPP cannot be imported"
    for backbone in ("UNet", "mobilenet_v3"):
        if row["backbone"].startswith(backbone):
            return f"its backbone, {row['backbone']}, cannot be imported"
    if row["family"] == "csail" and row["backbone"].startswith("HRNet"):
        return "CSAIL's HRNet cannot be imported; MMSegmentation's can"
    return None


def _figure(text: str) -> float | None:
    return float(text) if text else None
