#!/usr/bin/env bash
# PyAV 18.1.0: frame.rotation gives a rotation for frames that are mirrored.
#
# A display matrix can turn a frame and mirror it (front cameras write such videos). VideoFrame.rotation is one angle, and
# nothing in it says that a frame is mirrored: a frame that is mirrored from left to right reads -180, as one that is
# turned by half does. Whoever turns frames by it shows such a video upside down. The matrix itself is in the frame's side
# data.
set -eu
cd "$(mktemp -d)"
python3 -m venv venv
venv/bin/pip install --quiet av==18.1.0 numpy==2.3.5
venv/bin/python - <<'PY'
import av
import numpy as np

ONE = 1 << 16
MATRICES = {
    "as it is": (1, 0, 0, 1),
    "turned by half": (-1, 0, 0, -1),
    "mirrored left to right": (-1, 0, 0, 1),
    "mirrored upside down": (1, 0, 0, -1),
}


def rotation(a: int, b: int, c: int, d: int) -> tuple[int, list[int]]:
    """What a frame says of a video with this matrix, and the matrix in its side data."""
    with av.open("clip.mp4", "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.set_display_matrix([a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30])
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")))
        container.mux(stream.encode(None))
    with av.open("clip.mp4") as container:
        frame = next(container.decode(video=0))
        matrix = next((bytes(one) for one in frame.side_data if one.type.name == "DISPLAYMATRIX"), None)
        if matrix is None:  # what leaves a frame as it is is not written
            return frame.rotation, [1, 0, 0, 1]
        return frame.rotation, (np.frombuffer(matrix, np.int32)[[0, 1, 3, 4]] // ONE).tolist()


seen = {name: rotation(*matrix) for name, matrix in MATRICES.items()}
for name, (angle, matrix) in seen.items():
    print(f"{name:24} rotation {angle:5}   matrix {matrix}")
assert [matrix for _, matrix in seen.values()] == [list(matrix) for matrix in MATRICES.values()]
angles = {name: angle for name, (angle, _) in seen.items()}
assert angles["as it is"] == 0 and abs(angles["turned by half"]) == 180
assert abs(angles["mirrored left to right"]) == 180, "PyAV changed: a mirrored frame has another rotation now"
PY
