#!/usr/bin/env bash
# nibabel 5.4.2: whole numbers in a float array, saved with an integer type, come back as other numbers.
#
# A segmentation with the labels 0, 1, 2 and 4, computed as float64 and saved with set_data_dtype(np.uint8), would fit into
# a byte exactly. nibabel picks a scale that spreads the values over the type's whole range instead, so 1 comes back as
# 1.00392 and 2 as 1.99216. A reader that casts to integers without rounding makes 1 of the 2. The same array as uint8 comes
# back as it is.
set -eu
cd "$(mktemp -d)"
python3 -m venv venv
venv/bin/pip install --quiet nibabel==5.4.2 numpy==2.3.5
venv/bin/python - <<'PY'
import nibabel
import numpy as np

labels = np.array([0.0, 1.0, 2.0, 4.0]).reshape(4, 1, 1)


def back(values: np.ndarray) -> np.ndarray:
    """The labels of a file with bytes, as a reader has them."""
    image = nibabel.Nifti1Image(values, np.eye(4))
    image.set_data_dtype(np.uint8)
    nibabel.save(image, "labels.nii.gz")
    return np.asarray(nibabel.load("labels.nii.gz").dataobj).ravel()


floats, whole = back(labels), back(labels.astype(np.uint8))
print("saved as float64:", floats, "cast to integers:", floats.astype(int))
print("saved as uint8:  ", whole)
assert whole.tolist() == [0, 1, 2, 4]
assert not np.array_equal(floats, labels.ravel()), "nibabel changed: whole numbers keep their values now"
assert floats.astype(int).tolist() == [0, 1, 1, 4]
PY
