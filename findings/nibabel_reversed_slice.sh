#!/usr/bin/env bash
# nibabel 5.4.2: a slicer that reverses an axis without naming where it starts moves the image.
#
# image.slicer[::-1] and image.slicer[4::-1] select the same voxels of an axis of five, in the same order. The affine of
# the second puts every voxel where it was. That of the first lies four voxels off: the open start is read as 0, though
# for a negative step it means the last voxel. A mask that was turned this way and saved no longer lies on its image,
# and programs that compare positions refuse the pair or overlap it wrongly. Nothing is raised or warned of.
set -eu
cd "$(mktemp -d)"
python3 -m venv venv
venv/bin/pip install --quiet nibabel==5.4.2 numpy==2.3.5
venv/bin/python - <<'PY'
import nibabel
import numpy as np

voxels = np.zeros((5, 4, 3), dtype=np.uint8)
voxels[1, 2, 0] = 1
image = nibabel.Nifti1Image(voxels, np.eye(4))


def position(turned: nibabel.Nifti1Image) -> list[float]:
    """Where the only voxel that is not zero lies in the world."""
    index = np.argwhere(np.asarray(turned.dataobj))[0]
    return (turned.affine @ [*index, 1])[:3].tolist()


where = {"as it is": position(image), "[4::-1]": position(image.slicer[4::-1]), "[::-1]": position(image.slicer[::-1])}
for name, there in where.items():
    print(f"{name:9} the voxel lies at {there}")
assert where["as it is"] == where["[4::-1]"] == [1.0, 2.0, 0.0]
assert where["[::-1]"] == [-3.0, 2.0, 0.0], "nibabel changed: the open start is read otherwise now"
PY
