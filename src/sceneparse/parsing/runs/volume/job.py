"""The parse of one volume, slice by slice."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sceneparse.datasets.kinds import KINDS
from sceneparse.drawing.legend import LegendEntry
from sceneparse.drawing.montage import Slice, chosen, draw_montage
from sceneparse.files import whole_file, write_json
from sceneparse.labels import IGNORE
from sceneparse.parsing.artefacts.file_names import RECORDS
from sceneparse.parsing.artefacts.table import ARTEFACTS
from sceneparse.parsing.parser import Parser
from sceneparse.parsing.pixels import visible
from sceneparse.parsing.runs.earlier import facts_of_file, is_whole
from sceneparse.parsing.runs.replacing import Place, replacing
from sceneparse.parsing.runs.volume.sources import VolumeSource
from sceneparse.pictures.volume_values import VolumeSummary, summarize
from sceneparse.pictures.volumes import Volume, write_labels
from sceneparse.progress import progress_bar
from sceneparse.settings.data import Grids


class _Labelled(NamedTuple):
    """A volume's labels.

    Args:
        labels: (slices, H, W) class indices.
        entries: The classes that occur, the largest share first.
        skipped: Number of slices about which the model wasn't asked.
    """

    labels: NDArray[np.int16]
    entries: tuple[LegendEntry, ...]
    skipped: int


@dataclass(frozen=True)
class VolumeJob:
    """The parse of one volume.

    Args:
        parser: The model.
        source: Where the volume is, and the name of its outputs.
        volumes: Its channels.
        grids: How these were brought together.
        out: The output folder.
        write: Names of the artefacts to write.
        progress: Whether to show progress.
        inputs: All files that are parsed in this run.
    """

    parser: Parser
    source: VolumeSource
    volumes: tuple[Volume, ...]
    grids: Grids
    out: Path
    write: tuple[str, ...]
    progress: bool
    inputs: tuple[Path, ...] = ()

    @property
    def _files(self) -> dict[str, Path]:
        return {name: self.out / f"{self.source.name}{ARTEFACTS[name].volume}" for name in self.write}

    @property
    def _record(self) -> Path:
        return self.out / f"{self.source.name}{RECORDS['volumes']}"

    @property
    def _shape(self) -> tuple[int, int, int]:
        """Slices, rows and columns."""
        return self.volumes[0].shape

    @property
    def _nothing(self) -> int:
        """What a voxel gets where the model isn't asked: the class of id 0, or none."""
        ids = self.parser.labels.ids
        return ids.index(0) if 0 in ids else IGNORE

    def facts(self) -> dict[str, Any]:
        """Return what its outputs depend on."""
        paths = dict.fromkeys(volume.path for volume in self.volumes)
        return {
            "volumes": [facts_of_file(path) for path in paths],
            "model_sha256": self.parser.fingerprint,
            "protocol": self.parser.protocol.described(),
            **({} if self.grids == "equal" else {"grids": self.grids}),
        }

    @property
    def _place(self) -> Place:
        own = tuple(volume.path for volume in self.volumes)
        shown, files = self.source.shown, tuple(self._files.values())
        return Place("volume", shown, self.out, self._record, files, (*self.inputs, *own), own[0])

    def is_done(self) -> bool:
        """Return whether an earlier run left it whole."""
        return is_whole(self._record, self.facts(), self._files)

    def run(self) -> list[str]:
        """Parse it and write everything; return a line about it."""
        with replacing(self._place, self.facts()):
            return self._run()

    def _run(self) -> list[str]:
        start = time.perf_counter()
        known = [summarize(volume).within(window) for volume, window in zip(self.volumes, self._windows(), strict=True)]
        filled = set().union(*(one.filled for one in known))
        labelled = self._label(known, filled)
        if "labels" in self.write:
            write_labels(self._files["labels"], self.parser.labels.encode(labelled.labels), self.volumes[0])
        if "montage" in self.write:
            self._draw(labelled, known, filled)
        record = self._described(labelled, start)
        write_json(self._record, record)
        return [_line(self.source, record)]

    def _label(self, known: Sequence[VolumeSummary], filled: set[int]) -> _Labelled:
        space, config = self.parser.labels, self.parser.config.data
        volumes = KINDS[config.kind].volumes
        unasked = set(range(self._shape[0])) - filled if volumes and not volumes(config).empty_slices else set()
        labels = np.full(self._shape, self._nothing, dtype=np.int16)
        pixels, sure = np.zeros(len(space), dtype=np.int64), np.zeros(len(space))
        with progress_bar(self.progress, self._shape[0], self.source.name) as advance:
            for number in range(self._shape[0]):
                if number not in unasked:
                    parse = self.parser.parse(self._image(number, known))
                    labels[number] = parse.labels
                    for entry in parse.legend:
                        index = space.names.index(entry.name)
                        pixels[index] += entry.pixels
                        sure[index] += entry.confidence * entry.pixels
                advance()
        # Confidence is that of what the model was asked.
        voxels = np.bincount(labels[labels != IGNORE], minlength=len(space))
        return _Labelled(labels, self._classes(voxels, sure / np.maximum(pixels, 1)), len(unasked))

    def _described(self, labelled: _Labelled, start: float) -> dict[str, Any]:
        """The content of the JSON."""
        volume = self.volumes[0].millilitres
        return {
            "slices": self._shape[0],
            "height": self._shape[1],
            "width": self._shape[2],
            "channels": len(self.volumes),
            "empty_slices": labelled.skipped,
            "classes": [
                {
                    **entry.to_json(),
                    "voxels": entry.pixels,
                    "millilitres": None if volume is None else round(entry.pixels * volume, 3),
                }
                for entry in labelled.entries
            ],
            "model": self.parser.name,
            "files": {name: path.name for name, path in self._files.items()},
            "took_seconds": round(time.perf_counter() - start, 2),
            **self.facts(),
        }

    def _windows(self) -> list[tuple[float, float] | None]:
        """The windows that the model learnt with, by channel."""
        config = self.parser.config.data
        volumes = KINDS[config.kind].volumes
        if volumes is None:
            return [None] * len(self.volumes)
        settings = volumes(config)
        return [settings.windows.get(name) for name in settings.modalities]

    def _image(self, number: int, known: Sequence[VolumeSummary]) -> Tensor:
        """(channels, H, W) uint8 of a slice."""
        channels = [one.bytes_of(volume.slice(number)) for volume, one in zip(self.volumes, known, strict=True)]
        return torch.from_numpy(np.stack(channels))

    def _classes(self, voxels: NDArray[np.int64], confidence: NDArray[np.float64]) -> tuple[LegendEntry, ...]:
        """The classes that occur, the largest share first."""
        space, total = self.parser.labels, int(np.prod(self._shape))
        return tuple(
            LegendEntry(
                name=space.names[index],
                id=space.ids[index],
                color=space.colors[index],
                share=int(voxels[index]) / total,
                confidence=float(confidence[index]),
                pixels=int(voxels[index]),
            )
            for index in np.argsort(-voxels, kind="stable").tolist()
            if voxels[index]
        )

    def _draw(self, labelled: _Labelled, known: Sequence[VolumeSummary], filled: set[int]) -> None:
        """Write the montage; the class of id 0 is what is left where nothing is found, and isn't painted."""
        space, nothing, labels = self.parser.labels, self._nothing, labelled.labels
        numbers = np.flatnonzero((labels != nothing).any(axis=(1, 2))).tolist() or sorted(filled)
        shown = numbers or list(range(self._shape[0]))
        slices = [
            Slice(
                number,
                visible(self._image(number, known)[:1]),
                np.where(labels[number] == nothing, np.int16(IGNORE), labels[number]),
            )
            for number in chosen(range(shown[0], shown[-1] + 1))
        ]
        legend = [entry for entry in labelled.entries if nothing == IGNORE or entry.id != space.ids[nothing]]
        with whole_file(self._files["montage"]) as temporary:
            draw_montage(slices, space, legend, self.volumes[0].pixel).save(temporary)


def _line(source: VolumeSource, record: dict[str, Any]) -> str:
    """What a reader wants to know at once."""
    classes = [
        f"{one['name']} {one['voxels']:,} voxels"
        if one["millilitres"] is None
        else f"{one['name']} {one['millilitres']:,.1f} ml"
        for one in record["classes"]
        if one["id"] != 0
    ]
    much = (
        f"{', '.join(classes[:4])}{', …' if len(classes) > 4 else ''}" if classes else "nothing but the class of id 0"
    )
    return f"{source.path}: {record['slices']} slices in {record['took_seconds']:.1f} s; {much}"
