"""Exports that the tools' own programs wrote are read as these programs draw them, pixel by pixel.

`make_exports.py` says how they were made. Each is a folder in `exports/`; `expected/` holds the tool's own masks.
"""

import ast
import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sceneparse.cli import main
from sceneparse.datasets.opening import open_dataset
from sceneparse.datasets.recognising import kinds_that_fit
from sceneparse.doctor import check
from sceneparse.errors import MissingSplitError
from sceneparse.labels import IGNORE
from sceneparse.settings import DataSettings

HERE = Path(__file__).parent
SHIFTED = {"segments"}
"""Kinds whose undrawn pixels count in nothing, so that classes begin at the masks' value 1."""


@dataclass(frozen=True)
class Export:
    kind: str
    folder: str
    classes: tuple[str, ...]
    pictures: int

    @property
    def root(self) -> Path:
        return HERE / "exports" / self.folder

    @property
    def settings(self) -> DataSettings:
        return DataSettings(self.kind, root=str(self.root))

    def truth(self, name: str) -> NDArray[np.int64]:
        """The class indices that the tool's own mask stands for."""
        tool = self.kind if self.folder != "label_studio_png" else "label_studio_png"
        values = np.array(Image.open(HERE / "expected" / tool / f"{name.removeprefix('media/')}.png")).astype(np.int64)
        if self.kind in SHIFTED:
            return values - 1
        return np.where(values == 255, IGNORE, values)


EXPORTS = [
    Export("labelme", "labelme", ("_background_", "car", "road", "tree"), 4),
    Export("label_studio", "label_studio", ("background", "car", "road", "tree"), 3),
    Export("darwin", "darwin", ("background", "car", "Road", "tree"), 3),
    Export("darwin", "darwin_index", ("__background__", "car", "Road", "tree"), 3),
    Export("darwin", "darwin_rgb", ("__background__", "car", "Road", "tree"), 3),
    Export("segments", "segments", ("car", "road", "tree"), 2),
    Export("supervisely", "supervisely", ("background", "car", "road", "tree"), 3),
]


@pytest.fixture(params=EXPORTS, ids=[export.folder for export in EXPORTS])
def export(request: pytest.FixtureRequest) -> Export:
    found: Export = request.param
    return found


def test_label_maps_are_the_tool_s_own(export: Export) -> None:
    dataset = open_dataset(export.settings, "all")
    assert len(dataset) == export.pictures and dataset.labels.names == export.classes
    for index in range(len(dataset)):
        sample = dataset[index]
        assert sample.objects is not None and sample.name == dataset.name(index)
        assert np.array_equal(sample.objects.numpy(), export.truth(sample.name)), sample.name


def test_loader_processes_can_be_given_it(export: Export) -> None:
    dataset = open_dataset(export.settings, "all")
    again, first = pickle.loads(pickle.dumps(dataset))[0].objects, dataset[0].objects
    assert first is not None and np.array_equal(again.numpy(), first.numpy())


def test_the_doctor_finds_it_ready_and_counts_as_the_tool(export: Export) -> None:
    diagnosis = check(export.settings, progress=False, workers=1)
    assert diagnosis.ok, diagnosis.findings
    (split,) = diagnosis.splits
    dataset = open_dataset(export.settings, "all")
    truths = np.concatenate([export.truth(dataset.name(index)).ravel() for index in range(len(dataset))])
    assert split.pictures == export.pictures and split.ignored == (truths == IGNORE).sum()
    assert list(split.pixels) == [(truths == index).sum() for index in range(len(export.classes))]


def test_its_kind_alone_recognises_it(export: Export) -> None:
    assert [name for name, _ in kinds_that_fit(export.root)] == [export.kind]


def test_without_splits_the_error_cuts_it_as_training_takes_it(export: Export) -> None:
    with pytest.raises(
        MissingSplitError, match=r"no split 'test': .*all'? has \d pictures: .*data={'train': "
    ) as caught:
        open_dataset(export.settings, "test")
    said = ast.literal_eval(str(caught.value).partition("data=")[2])
    assert list(said) == ["train", "val", "test"]
    for split in said.values():
        assert len(open_dataset(export.settings, split)) >= 1


def test_undrawn_pixels_are_what_the_setting_says(export: Export) -> None:
    for unlabelled in ("background", "ignore"):
        settings = DataSettings(export.kind, root=str(export.root), options={"unlabelled": unlabelled})
        dataset = open_dataset(settings, "all")
        for index in range(len(dataset)):
            sample, truth = dataset[index], export.truth(dataset.name(index))
            assert sample.objects is not None
            nothing = truth == IGNORE if export.kind in SHIFTED else truth == 0
            drawn = sample.objects.numpy()[nothing]
            if unlabelled == "background":
                assert "background" in dataset.labels.names[drawn[0]] and (drawn == drawn[0]).all()
            elif sample.name != "sub/two":  # labelme's _background_ is drawn there
                assert (drawn == IGNORE).all()


def test_a_picture_that_is_not_there_is_named(export: Export, tmp_path: Path) -> None:
    root = Path(shutil.copytree(export.root, tmp_path / "export"))
    name = open_dataset(export.settings, "all")[0].path
    (root / Path(name).relative_to(export.root)).unlink()
    with pytest.raises(Exception, match=r"1 of \d pictures that it names are not there, the first is '.*'; put them"):
        open_dataset(DataSettings(export.kind, root=str(root)), "all")


def test_data_list_and_data_show_say_what_undrawn_pixels_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "list", "labelme"]) == 0
    assert "--data.options.unlabelled auto" in capsys.readouterr().out
    words = ["data", "show", str(EXPORTS[0].root), "--kind", "labelme", "--split", "all", "--count", "1"]
    assert main([*words, "--out", str(tmp_path / "s.png"), "--data.options.unlabelled", "ignore"]) == 0
    said = capsys.readouterr().out
    assert "note: pixels that nobody drew count in nothing (data.options.unlabelled: ignore; " in said
    assert "1 picture without a JSON file not annotated, left out" in said
