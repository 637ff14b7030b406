"""Volumes into a folder, slice by slice; a second run goes on."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor

from sceneparse.datasets.kinds import KINDS
from sceneparse.drawing.legend import LegendEntry
from sceneparse.drawing.montage import Slice, chosen, draw_montage
from sceneparse.errors import UserError
from sceneparse.files import whole_file, write_json
from sceneparse.labels import IGNORE
from sceneparse.parsing.artefacts import cannot_write, facts_of_file
from sceneparse.parsing.parse import protocol_json
from sceneparse.parsing.parser import Parser
from sceneparse.parsing.pixels import visible
from sceneparse.parsing.runs.summary import Failure, Summary
from sceneparse.parsing.runs.volume.sources import VolumeSource, find_volumes
from sceneparse.pictures.volumes import Volume, VolumeSummary, summarize, write_labels
from sceneparse.progress import progress_bar


def predict_volumes(
    parser: Parser,
    inputs: Sequence[str | Path],
    out: Path,
    *,
    modalities: Sequence[str] | None = None,
    montage: bool = True,
    again: bool = False,
    progress: bool = True,
) -> Summary:
    """Parse volumes, each axial slice as a picture whose channels are the volume's.

    Values are spread over a byte as for training (`data.volumes.VolumeSummary`), by each channel's own volume. Each
    volume gives OUT/NAME.nii.gz (the label space's ids, voxel by voxel where the input has its own),
    OUT/NAME_montage.png and, last, OUT/NAME_volume.json; at the end comes OUT/volumes-summary.json. The objects are
    told alone. Where the model was trained without slices in which nothing is above zero (`data.nifti.empty_slices`),
    it isn't asked about them: they get the class of id 0, or none.

    A volume is skipped if all its files are there and come from the same volume, model and protocol. One that cannot be
    parsed is named on stderr, counted and left out.

    Args:
        parser: The model.
        inputs: Files, folders and patterns, as `split_volumes` gives them.
        out: The output folder; made if it isn't there.
        modalities: What a case's volumes are called, in the order of the channels. Default: as in training, for a model
            that was trained on volumes.
        montage: Whether to draw montages.
        again: Also parse what is already done.
        progress: Show progress and closing lines on stderr.

    Raises:
        UserError: No volumes, other modalities than the model has channels, or the outputs cannot be written.
    """
    wanted, data = parser.config.backbone.in_channels, parser.config.data
    volumes = KINDS[data.kind].volumes
    names = tuple(modalities or (volumes(data).modalities if volumes else ()))
    if names and len(names) != wanted:
        raise UserError(f"{len(names)} modalities ({', '.join(names)}), but the model takes {wanted} channels")
    sources = find_volumes(inputs, names)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if progress:
        console.print(f"engine: {parser.engine.describe()}", markup=False)
    done = skipped = 0
    failures: list[Failure] = []
    for source in sources:
        try:
            job = _Job(parser, source.name, source.channels(names, wanted), Path(out), montage)
            if not again and job.is_done():
                skipped += 1
                continue
            told = job.run(progress=progress)
        except UserError as error:
            failures.append(Failure(str(source.path), str(error)))
            console.print(f"left out: {error}", markup=False)
        except OSError as error:
            raise cannot_write(out, error) from None
        else:
            done += 1
            if progress:
                console.print(_said(source, told), markup=False)
    summary = Summary(done, skipped, tuple(failures))
    path = Path(out) / "volumes-summary.json"
    try:
        write_json(path, summary.to_json())
    except OSError as error:
        raise cannot_write(path, error) from None
    if progress:
        console.print(f"volumes: {summary.told}; see {path}", markup=False)
    return summary


@dataclass(frozen=True)
class _Job:
    """One volume."""

    parser: Parser
    name: str
    volumes: tuple[Volume, ...]
    out: Path
    montage: bool

    @property
    def _files(self) -> dict[str, Path]:
        files = {"labels": self.out / f"{self.name}.nii.gz"}
        return files | ({"montage": self.out / f"{self.name}_montage.png"} if self.montage else {})

    @property
    def _mark(self) -> Path:
        return self.out / f"{self.name}_volume.json"

    def facts(self) -> dict[str, Any]:
        """What its outputs depend on."""
        paths = dict.fromkeys(volume.path for volume in self.volumes)
        return {
            "volumes": [facts_of_file(path) for path in paths],
            "model_sha256": self.parser.fingerprint,
            "protocol": protocol_json(self.parser.protocol),
        }

    def is_done(self) -> bool:
        """Whether an earlier run left it whole."""
        facts = self.facts()
        try:
            said = json.loads(self._mark.read_text(encoding="utf-8"))
            same = all(said[key] == facts[key] for key in ("model_sha256", "protocol"))
            # Wherever the files lie now.
            seen = [[(one["bytes"], one["modified_ns"]) for one in told["volumes"]] for told in (said, facts)]
            whole = all(kind in said["files"] and path.exists() for kind, path in self._files.items())
        except (OSError, ValueError, KeyError, TypeError):  # none there, or none of ours
            return False
        return bool(same and seen[0] == seen[1] and whole)

    def run(self, *, progress: bool) -> dict[str, Any]:
        """Parse it and write everything; what its JSON says."""
        start = time.perf_counter()
        self._refuse_own_input()
        self._mark.unlink(missing_ok=True)
        known = [summarize(volume) for volume in self.volumes]
        filled = set().union(*(one.filled for one in known))
        space, config = self.parser.labels, self.parser.config.data
        nothing = space.ids.index(0) if 0 in space.ids else IGNORE
        volumes = KINDS[config.kind].volumes
        unasked = set(range(self.shape[0])) - filled if volumes and not volumes(config).empty_slices else set()
        labels = np.full(self.shape, nothing, dtype=np.int16)
        pixels, sure = np.zeros(len(space), dtype=np.int64), np.zeros(len(space))
        with progress_bar(progress, self.shape[0], self.name) as advance:
            for number in range(self.shape[0]):
                if number not in unasked:
                    parse = self.parser.parse(self._image(number, known))
                    labels[number] = parse.labels
                    for entry in parse.legend:
                        index = space.names.index(entry.name)
                        pixels[index] += entry.pixels
                        sure[index] += entry.confidence * entry.pixels
                advance()
        write_labels(self._files["labels"], space.encode(labels), self.volumes[0])
        # Confidence is that of what the model was asked.
        counts = np.bincount(labels[labels != IGNORE], minlength=len(space))
        told = self._classes(counts, sure / np.maximum(pixels, 1))
        if self.montage:
            shown = np.flatnonzero((labels != nothing).any(axis=(1, 2))).tolist() or sorted(filled)
            self._draw(labels, nothing, known, shown or list(range(self.shape[0])), told)
        volume = self.volumes[0].millilitres
        record = {
            "slices": self.shape[0],
            "height": self.shape[1],
            "width": self.shape[2],
            "channels": len(self.volumes),
            "empty_slices": len(unasked),
            "classes": [
                {
                    **entry.to_json(),
                    "voxels": entry.pixels,
                    "millilitres": None if volume is None else round(entry.pixels * volume, 3),
                }
                for entry in told
            ],
            "model": self.parser.name,
            "files": {kind: path.name for kind, path in self._files.items()},
            "took_seconds": round(time.perf_counter() - start, 2),
            **self.facts(),
        }
        write_json(self._mark, record)
        return record

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows and columns."""
        return self.volumes[0].shape

    def _refuse_own_input(self) -> None:
        inputs = {volume.path.resolve() for volume in self.volumes}
        for path in self._files.values():
            if path.resolve() in inputs:
                raise UserError(f"{path}: its labels would overwrite the volume; choose another folder")

    def _image(self, number: int, known: Sequence[VolumeSummary]) -> Tensor:
        """(channels, H, W) uint8 of a slice."""
        channels = [one.bytes_of(volume.slice(number)) for volume, one in zip(self.volumes, known, strict=True)]
        return torch.from_numpy(np.stack(channels))

    def _classes(self, voxels: NDArray[np.int64], confidence: NDArray[np.float64]) -> tuple[LegendEntry, ...]:
        """The classes that occur, the largest share first."""
        space, total = self.parser.labels, int(np.prod(self.shape))
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

    def _draw(
        self,
        labels: NDArray[np.int16],
        nothing: int,
        known: Sequence[VolumeSummary],
        shown: Sequence[int],
        told: Sequence[LegendEntry],
    ) -> None:
        """Write the montage; the class of id 0 is what is left when nothing is told, and isn't painted."""
        space = self.parser.labels
        slices = [
            Slice(
                number,
                visible(self._image(number, known)[:1]),
                np.where(labels[number] == nothing, np.int16(IGNORE), labels[number]),
            )
            for number in chosen(range(shown[0], shown[-1] + 1))
        ]
        legend = [entry for entry in told if nothing == IGNORE or entry.id != space.ids[nothing]]
        with whole_file(self._files["montage"]) as temporary:
            draw_montage(slices, space, legend, self.volumes[0].pixel).save(temporary)


def _said(source: VolumeSource, told: dict[str, Any]) -> str:
    """What a reader wants to know at once."""
    classes = [
        f"{one['name']} {one['voxels']:,} voxels"
        if one["millilitres"] is None
        else f"{one['name']} {one['millilitres']:,.1f} ml"
        for one in told["classes"]
        if one["id"] != 0
    ]
    much = (
        f"{', '.join(classes[:4])}{', …' if len(classes) > 4 else ''}" if classes else "nothing but the class of id 0"
    )
    return f"{source.path}: {told['slices']} slices in {told['took_seconds']:.1f} s; {much}"
