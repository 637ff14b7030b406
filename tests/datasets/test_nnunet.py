"""nnU-Net's layout is refused with advice that leads to a training."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sceneparse.datasets.opening import open_dataset
from sceneparse.doctor import check
from sceneparse.errors import UserError
from tests.datasets.test_nifti import SHAPE, save, settings


def gathered(root: Path) -> None:
    """Two cases as nnU-Net has them."""
    for number in range(2):
        image = np.full(SHAPE, 50.0, np.float32)
        image[:, : 2 + number] = 10  # two patients
        save(root / "imagesTr" / f"liver_{number:03}_0000.nii.gz", image)
        save(root / "labelsTr" / f"liver_{number:03}.nii.gz", (image > 20).astype(np.uint8))
    (root / "dataset.json").write_text('{"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 1}}')


@pytest.mark.parametrize("test_folders", [(), ("imagesTs", "labelsTs")])
def test_nnunets_layout_is_refused_with_advice_that_leads_to_ready(test_folders: Any, tmp_path: Path) -> None:
    gathered(tmp_path)
    for folder in test_folders:
        save(tmp_path / folder / "liver_009_0000.nii.gz", np.ones(SHAPE, np.uint8))
    nifti = settings(tmp_path, modalities=("ct",))
    with pytest.raises(UserError, match=r"imagesTr/ and .*labelsTr/.* \(nnU-Net's layout\)") as refused:
        open_dataset(nifti, "all", channels=1)
    words = str(refused.value)
    assert "give data={'nifti': {'modalities': ['ct']}}, backbone={'in_channels': 1}" in words.replace('"', "'")
    # Followed to the letter, but for the folders of the test's cases.
    for path in sorted(tmp_path.glob("*Tr/*.nii.gz")):
        name = path.name.removesuffix(".nii.gz")
        case_name, what = (name.removesuffix("_0000"), "ct") if path.parent.name == "imagesTr" else (name, "seg")
        (tmp_path / case_name).mkdir(exist_ok=True)
        path.rename(tmp_path / case_name / f"{case_name}_{what}.nii.gz")
    (tmp_path / "classes.json").write_text(words.partition("; write ")[2].partition(" to classes.json")[0])
    for split, name in (("train", "liver_000"), ("val", "liver_001")):
        assert f"{split}.txt" in words
        (tmp_path / f"{split}.txt").write_text(f"{name}\n")
    if test_folders:
        assert "move imagesTs/ and labelsTs/ out of" in words
        with pytest.raises(UserError, match=r"imagesTs/ and labelsTs/ beside folders of cases: move .* out of"):
            open_dataset(nifti, "all", channels=1)
    for folder in test_folders:
        shutil.rmtree(tmp_path / folder)
    dataset = open_dataset(nifti, "train", channels=1)
    assert len(dataset) == SHAPE[0] and dataset.labels.names == ("background", "liver")
    assert check(nifti, progress=False, workers=1, channels=1).ok


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            {"modality": {"0": "T1w", "1": "FLAIR"}, "labels": {"0": "background", "2": "tumour"}},
            (
                "imagesTr/X_0001.nii.gz to X/X_flair.nii.gz",
                '{"names": ["background", "tumour"], "ids": [0, 2]}',
                "backbone={'in_channels': 2}",
            ),
        ),
        ({"labels": {"background": 0, "whole": [1, 2]}}, ("which are in dataset.json", "backbone={'in_channels': 1}")),
    ],
)
def test_what_dataset_json_says_is_in_the_advice(said: Any, words: tuple[str, ...], tmp_path: Path) -> None:
    gathered(tmp_path)
    (tmp_path / "dataset.json").write_text(json.dumps(said))
    with pytest.raises(UserError) as refused:
        open_dataset(settings(tmp_path, modalities=("ct",)), "all", channels=1)
    assert all(word in str(refused.value) for word in words)
