#!/usr/bin/env bash
# Pillow 13.0.0: an uncompressed TIFF of three 16-bit channels, stored one after another, opens as noise.
#
# Scanners and raster tools write such files (PlanarConfiguration 2, 16 bits). Pillow opens one without an error or a
# warning, as RGB of the right size, but what it shows has nothing to do with the picture. The same picture with interleaved
# channels opens rightly (reduced to 8 bits).
set -eu
cd "$(mktemp -d)"
python3 -m venv venv
venv/bin/pip install --quiet pillow==13.0.0 tifffile==2025.10.16 numpy==2.3.5
venv/bin/python - <<'PY'
import numpy as np
import tifffile
from PIL import Image

rows, columns = np.mgrid[:64, :64]
picture = np.stack([rows * 1000, columns * 1000, 0 * rows + 20000], axis=-1).astype(np.uint16)
tifffile.imwrite("interleaved.tif", picture, photometric="rgb", planarconfig="contig")
tifffile.imwrite("planar.tif", picture.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
assert np.array_equal(tifffile.imread("planar.tif").transpose(1, 2, 0), picture)
expected = (picture >> 8).astype(int)
worst = {}
for name in ("interleaved", "planar"):
    with Image.open(f"{name}.tif") as image:
        seen = np.asarray(image).astype(int)
        worst[name] = int(np.abs(seen - expected).max())
        print(f"{name:12} mode {image.mode}, size {image.size}, off by up to {worst[name]} of 255")
assert worst["interleaved"] <= 1
assert worst["planar"] > 100, "Pillow changed: planar 16-bit files are read or refused now"
PY
