"""MATLAB files are read as SciPy wrote them, and damaged ones are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sceneparse.datasets.broden.matfile import SparseMatrix, read_mat
from sceneparse.errors import UserError

scipy_io = pytest.importorskip("scipy.io")


@pytest.mark.parametrize("compressed", [False, True])
def test_numbers_text_cells_and_structures_are_read(tmp_path: Path, compressed: bool) -> None:
    names = np.array(["a.jpg", "bcd.jpg"], dtype=object)
    values: dict[str, Any] = {
        "LabelMap": np.arange(12, dtype=np.uint16).reshape(3, 4),
        "real": np.array([[1.5, -2.25]]),
        "index": {"filename": names, "count": np.array([[7]], dtype=np.int32), "name": "word"},
        "ok": np.array([[True, False]]),
    }
    scipy_io.savemat(tmp_path / "a.mat", values, do_compression=compressed)
    read = read_mat(tmp_path / "a.mat")
    assert (read["LabelMap"] == values["LabelMap"]).all() and read["LabelMap"].dtype == np.uint16
    assert read["real"].tolist() == [[1.5, -2.25]] and read["ok"].tolist() == [[1, 0]]
    index = read["index"].flat[0]
    assert list(index["filename"].flat) == ["a.jpg", "bcd.jpg"]
    assert index["count"].item() == 7 and index["name"] == "word"


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    scipy_io.savemat(tmp_path / "a.mat", {"x": np.arange(1000.0)}, do_compression=True)
    content = (tmp_path / "a.mat").read_bytes()
    for length in (0, 100, 140, len(content) - 20):
        (tmp_path / "b.mat").write_bytes(content[:length])
        with pytest.raises(UserError, match=r"b\.mat: (damaged|not a MATLAB file)"):
            read_mat(tmp_path / "b.mat")


def test_sparse_matrices_are_read_without_being_filled(tmp_path: Path) -> None:
    from scipy.sparse import csc_matrix

    whole = np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 0.0]])
    cells = np.empty((1, 1), dtype=object)
    cells[0, 0] = csc_matrix(whole)
    scipy_io.savemat(tmp_path / "a.mat", {"Boundaries": cells, "after": np.array([[5]])})
    read = read_mat(tmp_path / "a.mat")
    matrix = read["Boundaries"].flat[0]
    assert isinstance(matrix, SparseMatrix) and matrix.shape == (2, 3)
    assert matrix.rows.tolist() == [1, 0] and matrix.starts.tolist() == [0, 1, 2, 2]
    assert matrix.values.tolist() == [1, 2] and read["after"].item() == 5
