"""Rasters into a folder, one after the other; a second run goes on."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

from sceneparse.datasets.kinds import KINDS
from sceneparse.parsing.artefacts.choice import chosen_artefacts
from sceneparse.parsing.parser import Parser
from sceneparse.parsing.runs.engine import Run, all_done, run_jobs
from sceneparse.parsing.runs.raster.job import RasterJob, refuse_without_labels
from sceneparse.parsing.runs.raster.sources import RasterSource
from sceneparse.parsing.runs.tally import Summary
from sceneparse.pictures.rasters import BandForm, installed
from sceneparse.settings import DataSettings
from sceneparse.settings.ranges import pairs_of


def predict_rasters(
    parser: Parser,
    sources: Sequence[RasterSource],
    out: Path,
    *,
    bands: Sequence[int] = (),
    ranges: Sequence[tuple[float, float]] = (),
    again: bool = False,
    progress: bool = True,
    write: Collection[str] | None = None,
) -> Summary:
    """Parse rasters of any size, read and written by windows.

    Each gives OUT/NAME_labels.tif (the label space's ids on the raster's own grid, with its georeference and layout of
    blocks), polygons if they are wanted (OUT/NAME_polygons.geojson, OUT/NAME_polygons.gpkg), and, last,
    OUT/NAME_raster.json; at the end comes OUT/rasters-summary.json. Only objects are parsed. Where none of the bands
    has data, the labels have none.

    A raster is skipped if all its files are there and come from the same raster, bands, model and protocol. One that
    cannot be parsed, or in whose outputs' place something lies that no run wrote, is named on stderr, counted and left
    out; a run that is stopped leaves whole files only.

    Args:
        parser: The model.
        sources: As `split_rasters` finds them.
        out: The output folder; made if it isn't there.
        bands: Numbers of the bands, from 1, in the order of the channels. Default: as in training; else those that fit
            the model without doubt.
        ranges: The values that become black and white, one pair or one for each band. Default: the parser's
            (`Parser.with_ranges`); else as in training (`data.range` holds for bands of more than 8 bits, as it did
            there); else those of the type, for bands of up to 16 bits without a sign.
        again: Also parse what is already done.
        progress: Show progress and closing lines on stderr.
        write: Which of "labels", "polygons" and "geopackage" to write beside the JSON. Default: the labels.

    Raises:
        UserError: rasterio is missing, bands or ranges that are none, or the outputs cannot be written.
    """
    job_of = _jobs(parser, sources, Path(out), bands, ranges, write, progress=progress)
    run = Run(Path(out), "raster", progress=progress)
    run_jobs(run, parser, sources, job_of, out=Path(out), again=again)
    summary = run.tally.summary()
    run.close(summary)
    return summary


def rasters_done(
    parser: Parser,
    sources: Sequence[RasterSource],
    out: Path,
    *,
    bands: Sequence[int] = (),
    ranges: Sequence[tuple[float, float]] = (),
    write: Collection[str] | None = None,
) -> bool:
    """Return whether `predict_rasters`, which takes the same, would find each of them done already.

    No engine is asked for scores.

    Raises:
        UserError: rasterio is missing, or bands or ranges that are none.
    """
    return all_done(sources, _jobs(parser, sources, out, bands, ranges, write, progress=False))


def _jobs(
    parser: Parser,
    sources: Sequence[RasterSource],
    out: Path,
    bands: Sequence[int],
    ranges: Sequence[tuple[float, float]],
    write: Collection[str] | None,
    *,
    progress: bool,
) -> Callable[[RasterSource], RasterJob]:
    """What makes the job of one of the rasters that `predict_rasters` takes."""
    installed()
    data = parser.config.data
    trained = KINDS[data.kind].rasters
    usual = trained(data) if trained else _as_pictures(data)
    form = replace(usual, bands=tuple(bands) or usual.bands, ranges=tuple(ranges) or parser.ranges or usual.ranges)
    wanted = {"labels": True, "polygons": False, "geopackage": False}
    chosen = chosen_artefacts("rasters", write, wanted)
    refuse_without_labels(chosen)
    inputs = tuple(source.path for source in sources)

    def job_of(source: RasterSource) -> RasterJob:
        return RasterJob(parser, source, form, out, chosen, progress, inputs)

    return job_of


def _as_pictures(data: DataSettings) -> BandForm:
    """Return the form that makes of rasters what a model saw in training whose pictures were read as such."""
    return BandForm(deep_ranges=() if data.range is None else pairs_of(data.range), pictures=True)
