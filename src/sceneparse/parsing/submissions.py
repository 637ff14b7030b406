"""Label maps as the benchmarks' servers take them: their values, their names, in a folder to be packed and sent."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneparse.drawing.legend import id_image
from sceneparse.errors import UserError
from sceneparse.files import whole_file
from sceneparse.labels import LabelSpace
from sceneparse.parsing.parser import Parser
from sceneparse.progress import progress_bar
from sceneparse.standard import cityscapes_label_ids, standard_labels


@dataclass(frozen=True)
class ResultForm:
    """A server's form of results.

    Args:
        benchmark: Its name.
        folder: Where the files lie, below the output folder.
        labels: The classes, by the values that the server expects.
        renamed: The file's stem, of the picture's.
        palette: Whether values stand for colours of a palette; else they are grey.
    """

    benchmark: str
    folder: str
    labels: LabelSpace
    renamed: Callable[[str], str]
    palette: bool

    def file(self, name: str) -> str:
        """The file of a picture's result, below the output folder.

        Args:
            name: The picture's name, with "/" for folders, which results have none of.
        """
        return f"{self.folder}/{self.renamed(PurePosixPath(name).name)}.png"

    def write(self, out: Path, name: str, indices: NDArray[np.int16]) -> None:
        """Write (H, W) class indices below the output folder, whole or not at all."""
        image = id_image(indices, self.labels) if self.palette else Image.fromarray(self.labels.encode(indices))
        with whole_file(out / self.file(name)) as temporary:
            image.save(temporary)

    def refuse_others(self, labels: LabelSpace, model: str) -> None:
        """Raise a `UserError` if a model has other classes than the benchmark."""
        if labels.names != self.labels.names:
            raise UserError(
                f"{model} names {len(labels)} classes ({', '.join(labels.names[:3])}, …), but results for "
                f"{self.benchmark} are told in its own {len(self.labels)} ({', '.join(self.labels.names[:3])}, …): "
                "leave --as out, or give a model of these classes"
            )


RESULT_FORMS: dict[str, ResultForm] = {
    # cityscapesScripts' evalPixelLevelSemanticLabeling looks for CITY_SEQUENCE_FRAME*.png with label ids.
    "cityscapes": ResultForm(
        "cityscapes",
        "cityscapes",
        cityscapes_label_ids(),
        lambda stem: stem.removesuffix("_leftImg8bit"),
        palette=False,
    ),
    # The devkit's tree of competition 6: any data but the test set's may have been trained on.
    "voc2012": ResultForm(
        "voc2012",
        "results/VOC2012/Segmentation/comp6_test_cls",
        standard_labels("voc-21"),
        lambda stem: stem,
        palette=True,
    ),
}
"""The forms, by the benchmarks' names."""


def write_results(parser: Parser, out: str | Path, benchmark: str, *, progress: bool = True) -> Path:
    """Write what a model left in an output folder as a benchmark's server takes it, too.

    Args:
        parser: The model; what another one left there is passed over.
        out: Where `predict_pictures` wrote.
        benchmark: A key of `RESULT_FORMS`.
        progress: Show progress on standard error.

    Returns:
        The folder of the results, in which nothing else is.

    Raises:
        UserError: The model has other classes than the benchmark, or left nothing there, or two pictures would have one
            file.
    """
    form, out = RESULT_FORMS[benchmark], Path(out)
    form.refuse_others(parser.labels, parser.name)
    maps = [found for mark in sorted(out.rglob("*.json")) if (found := _label_map(mark, parser.fingerprint))]
    if not maps:
        raise UserError(f"{out}: no label map of this model")
    taken: dict[str, Path] = {}
    for file in maps:
        # A server's folder has no folders below.
        if (other := taken.setdefault(form.file(file.stem), file)) != file:
            raise UserError(
                f"{other} and {file} would both be {form.file(file.stem)}: results for {benchmark} go by the pictures' "
                "names alone, so parse these into different output folders"
            )
    with progress_bar(progress, len(maps), "writing results") as advance:
        for file in maps:
            with Image.open(file) as image:
                # Where there is no class, the map holds a value that no class has.
                indices, _ = parser.labels.decode(np.array(image))
            form.write(out, file.stem, indices)
            advance()
    return out / form.folder


def _label_map(mark: Path, fingerprint: str) -> Path | None:
    """The label map that a parse's JSON speaks of, if it is one of this model's."""
    try:
        said = json.loads(mark.read_text(encoding="utf-8"))
        return mark.with_name(said["files"]["labels"]) if said["model_sha256"] == fingerprint else None
    except (OSError, ValueError, KeyError, TypeError):  # no JSON, or not one of a parse
        return None
