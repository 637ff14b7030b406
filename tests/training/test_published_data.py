"""From a published data set's own files to a trained, evaluated and used model, for each of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse import load
from sceneparse.cli import main
from sceneparse.cli.settings import given_settings
from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.opening import open_dataset
from sceneparse.evaluation import evaluate_model
from sceneparse.recipes import from_mapping
from sceneparse.settings import Recipe
from sceneparse.training.loop import train
from tests.support.layouts import LAYOUTS
from tests.support.small import TINY

pytest.importorskip("scipy.io")


@pytest.mark.parametrize("kind", LAYOUTS)
def test_every_published_data_set_trains_evaluates_and_predicts(kind: str, tmp_path: Path) -> None:
    layout = LAYOUTS[kind](tmp_path / "data")
    channels = [
        f"--backbone.in_channels={layout.channels}",
        "--preprocessing.mean=[0.4]",
        "--preprocessing.std=[0.3]",
        "--network.architecture=fcn",
        "--training.iterations=1",
    ]
    given = given_settings(Recipe, [*TINY, *channels])
    recipe = from_mapping(Recipe, {}, "test", given | {"data": replace(layout.settings, workers=0)})
    run = train(recipe, tmp_path / "run")

    root = str(layout.settings.root)
    assert str(tmp_path) not in (run / "model" / "config.json").read_text(), "nobody's folders go out with a model"
    evaluation = evaluate_model(
        run / "model", data=root, out=tmp_path / "evaluation", engine="torch", precision="float32", progress=False
    )
    known = layout.truth[layout.truth >= 0]
    pictures = layout.counts[layout.settings.test]
    assert len(evaluation.pictures) == pictures
    occurs = np.bincount(known, minlength=len(evaluation.labels)) * pictures
    assert evaluation.counts.sum(1).tolist() == occurs.tolist(), "the truth is counted pixel by pixel"

    parser = load(run / "model", engine="torch", precision="float32")
    dataset = open_dataset(layout.settings, layout.settings.test, channels=layout.channels)
    assert parser.labels == dataset.labels, "label maps are written with the data set's own values"
    parse = parser(dataset[0].image)
    assert parse.labels.shape == layout.truth.shape
    assert set(np.unique(np.array(parse.label_image()))) <= set(dataset.labels.ids)
    if kind == "nifti":
        nibabel = pytest.importorskip("nibabel")
        assert main(["predict", str(run / "model"), root, "--out", str(tmp_path / "parsed"), "--engine", "torch"]) == 0
        for case in sorted(path for path in Path(root).iterdir() if path.is_dir()):
            labels, truth = (
                nibabel.load(path)
                for path in (tmp_path / "parsed" / f"{case.name}.nii.gz", case / f"{case.name}_seg.nii.gz")
            )
            assert labels.shape == truth.shape and np.array_equal(labels.affine, truth.affine)
            assert np.isin(np.asarray(labels.dataobj), dataset.labels.ids).all()
            assert (tmp_path / "parsed" / f"{case.name}_montage.png").is_file()
    if picture := dataset[0].path:
        out = tmp_path / "parsed"
        words = ["predict", str(run / "model"), picture, "--out", str(out), "--engine", "torch"]
        form = KINDS[kind].submission
        assert main([*words, *(["--as", kind] if form else [])]) == 0
        written = [out / f"{Path(picture).stem}.png"]
        written += [out / form.file(Path(picture).stem)] if form else []
        for file in written:
            with Image.open(file) as image:
                assert np.isin(np.array(image), dataset.labels.ids).all(), file
