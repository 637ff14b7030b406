"""Volumes into a folder, one after the other; a second run goes on."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from sceneparse.datasets.kinds import KINDS
from sceneparse.errors import UserError, counted
from sceneparse.parsing.artefacts.choice import chosen_artefacts
from sceneparse.parsing.parser import Parser
from sceneparse.parsing.runs.engine import Run, all_done, run_jobs
from sceneparse.parsing.runs.tally import Summary
from sceneparse.parsing.runs.volume.job import VolumeJob
from sceneparse.parsing.runs.volume.sources import VolumeSource, find_volumes
from sceneparse.settings.data import Grids


def predict_volumes(
    parser: Parser,
    inputs: Sequence[str | Path],
    out: Path,
    *,
    modalities: Sequence[str] | None = None,
    grids: Grids | None = None,
    montage: bool = True,
    again: bool = False,
    progress: bool = True,
    write: Collection[str] | None = None,
) -> Summary:
    """Parse volumes, each axial slice as a picture whose channels are the volume's.

    Values are spread over a byte as for training (`VolumeSummary`), by each channel's own volume or the window that the
    model learnt with; volumes of a case on different grids are treated as in training (`data.nifti.grids`). Each
    volume gives OUT/NAME.nii.gz (the label space's ids, voxel by voxel where the input has its own),
    OUT/NAME_montage.png and, last, OUT/NAME_volume.json; at the end comes OUT/volumes-summary.json. Only objects are
    parsed. Where the model was trained without slices in which nothing is above zero (`data.nifti.empty_slices`), it
    isn't asked about them: they get the class of id 0, or none. No slice is brought to a scale that pictures
    were learnt at: its own is that of a body.

    A volume is skipped if all its files are there and come from the same volume, model and protocol. One that cannot be
    parsed, or in whose outputs' place something lies that no run wrote, is named on stderr, counted and left out.

    Args:
        parser: The model.
        inputs: Files, folders and patterns, as `split_volumes` gives them.
        out: The output folder; made if it isn't there.
        modalities: What a case's volumes are called, in the order of the channels. Default: as in training, for a model
            that was trained on volumes.
        grids: Where the affines of a case's volumes differ: "equal" refuses it, "resample" brings all onto the first
            one's voxels, "ignore" takes them voxel by voxel. Default: as in training, else "equal".
        montage: Whether to draw montages.
        again: Also parse what is already done.
        progress: Show progress and closing lines on stderr.
        write: Which of "labels" and "montage" to write beside the JSON. Default: the labels, and the montage if it is
            wanted.

    Raises:
        UserError: No volumes, other modalities than the model has channels, or the outputs cannot be written.
    """
    sources, job_of = _jobs(parser, inputs, Path(out), modalities, grids, montage, write, progress=progress)
    run = Run(Path(out), "volume", progress=progress)
    run_jobs(run, parser, sources, job_of, out=Path(out), again=again)
    summary = run.tally.summary()
    run.close(summary)
    return summary


def volumes_done(
    parser: Parser,
    inputs: Sequence[str | Path],
    out: Path,
    *,
    modalities: Sequence[str] | None = None,
    grids: Grids | None = None,
    montage: bool = True,
    write: Collection[str] | None = None,
) -> bool:
    """Return whether `predict_volumes`, which takes the same, would find each of them done already.

    No engine is asked for scores.

    Raises:
        UserError: No volumes, or other modalities than the model has channels.
    """
    return all_done(*_jobs(parser, inputs, out, modalities, grids, montage, write, progress=False))


def _jobs(
    parser: Parser,
    inputs: Sequence[str | Path],
    out: Path,
    modalities: Sequence[str] | None,
    grids: Grids | None,
    montage: bool,
    write: Collection[str] | None,
    *,
    progress: bool,
) -> tuple[list[VolumeSource], Callable[[VolumeSource], VolumeJob]]:
    """The volumes of what `predict_volumes` takes, and what makes the job of one."""
    wanted, data = parser.config.backbone.in_channels, parser.config.data
    volumes, names = KINDS[data.kind].volumes, modalities_for(parser, modalities)
    chosen = chosen_artefacts("volumes", write, {"labels": True, "montage": montage}, overlay=montage)
    sources = find_volumes(inputs, names, out)
    alike = grids or (volumes(data).grids if volumes else "equal")
    own, files = parser.at_own_size(), tuple(source.path for source in sources)

    def job_of(source: VolumeSource) -> VolumeJob:
        return VolumeJob(own, source, source.channels(names, wanted, alike), alike, out, chosen, progress, files)

    return sources, job_of


def modalities_for(parser: Parser, modalities: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return what a case's volumes are called, in the order of the channels; nothing where no case is known.

    Args:
        parser: The model.
        modalities: The user's choice. Default: as in training, for a model that was trained on volumes.

    Raises:
        UserError: Others than the model has channels.
    """
    wanted, data = parser.config.backbone.in_channels, parser.config.data
    volumes = KINDS[data.kind].volumes
    names = tuple(modalities or (volumes(data).modalities if volumes else ()))
    if names and len(names) != wanted:
        raise UserError(
            f"{counted(len(names), 'modality', 'modalities')} ({', '.join(names)}), but the model takes "
            f"{counted(wanted, 'channel')}"
        )
    return names
