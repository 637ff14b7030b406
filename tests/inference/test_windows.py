import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.inference import predict, resolve, scores
from sceneparse.inference.windows import AT_ONCE, WindowRows, pad_to, window_starts
from sceneparse.networks import resize
from sceneparse.settings import ProtocolSettings
from tests.support.forked import started


@pytest.mark.parametrize(
    ("length", "window", "step", "expected"),
    [
        (473, 473, 316, [0]),
        (512, 473, 316, [0, 39]),
        (900, 473, 316, [0, 316, 427]),
        (789, 473, 316, [0, 316]),
    ],
)
def test_the_last_window_ends_with_the_picture(length: int, window: int, step: int, expected: list[int]) -> None:
    assert window_starts(length, window, step) == expected


def test_padding_goes_half_before_and_the_rest_after() -> None:
    padded, top, left = pad_to(torch.full((3, 4, 5), 9, dtype=torch.uint8), (7, 5), (1.5, 2.5, 3.5))
    assert (tuple(padded.shape), top, left) == ((3, 7, 5), 1, 0)
    assert padded[:, 0, 0].tolist() == [1.5, 2.5, 3.5] and padded[:, -2:, 0].tolist() == [
        [1.5] * 2,
        [2.5] * 2,
        [3.5] * 2,
    ]
    assert (padded[:, 1:5] == 9).all()


def test_windows_go_through_the_engine_a_few_at_a_time(toy: Any) -> None:
    engine = toy()
    windows = WindowRows(engine, torch.zeros(3, 20, 200), (10, 10), 0.5, flip=True, probabilities=True)
    windows.rows(0, 20)
    assert {shape[1] for shape in engine.seen} == {2 * AT_ONCE, 2 * (39 % AT_ONCE)}
    assert sum(shape[1] for shape in engine.seen) == 2 * 3 * 39


def test_each_window_is_scored_once_and_only_when_its_rows_are_wanted(toy: Any) -> None:
    engine = toy()
    windows = WindowRows(engine, torch.zeros(3, 40, 10), (10, 10), 0.5, flip=False, probabilities=True)
    windows.rows(0, 5)
    assert len(engine.seen) == 1
    for start in range(5, 40, 5):
        windows.rows(start, start + 5)
    assert len(engine.seen) == 7


def test_rows_can_only_be_asked_for_from_the_top_down(toy: Any) -> None:
    windows = WindowRows(toy(), torch.zeros(3, 40, 10), (10, 10), 0.5, flip=False, probabilities=True)
    windows.rows(20, 30)
    with pytest.raises(ValueError, match="from the top down"):
        windows.rows(0, 5)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("stride", [2 / 3, 0.3, 1.0])
def test_streamed_labels_are_those_of_all_scores_added_up_at_the_pictures_size(
    stride: float, align_corners: bool, toy: Any, picture: torch.Tensor
) -> None:
    engine = toy(7, 4, align_corners)
    protocol = resolve(ProtocolSettings("window", window=(20, 24), stride=stride))
    height, width = picture.shape[-2:]
    total, counts = torch.zeros(7, height, width), torch.zeros(height, width)
    for top in window_starts(height, 20, -int(-20 * stride // 1)):
        for left in window_starts(width, 24, -int(-24 * stride // 1)):
            place = (slice(top, top + 20), slice(left, left + 24))
            total[:, *place] += resize(engine(picture[None, :, *place]), (20, 24), align_corners)[0]
            counts[place] += 1
    labels = predict(engine, picture, protocol).labels
    assert torch.equal(labels.long(), (total / counts).argmax(dim=0))
    assert torch.equal(labels.long(), scores(engine, picture, protocol).argmax(dim=0))
    torch.testing.assert_close(scores(engine, picture, protocol), total / counts)


MEMORY = """
import resource, sys, torch
from sceneparse.inference import predict, resolve
from sceneparse.settings import ProtocolSettings

class Engine:
    num_classes, align_corners, padding_color = 100, False, (0.0, 0.0, 0.0)

    def __call__(self, images):
        return images[:, :1, ::8, ::8].float() * torch.linspace(0, 1, 100).view(-1, 1, 1)

torch.set_num_threads(1)
image = torch.randint(0, 256, (3, int(sys.argv[1]), 512), dtype=torch.uint8)
prediction = predict(Engine(), image, resolve(ProtocolSettings("window", window=(128, 128))))
assert prediction.labels.shape == image.shape[1:]
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of the peak is another one")
def test_a_taller_picture_takes_no_more_memory_than_its_pixels_labels_and_confidence(tmp_path: Path) -> None:
    (tmp_path / "memory.py").write_text(MEMORY)

    def peak(height: int) -> int:
        said = tmp_path / f"{height}.out"
        process = started(tmp_path / "memory.py", [str(height)], said, {})
        process.join(timeout=120)
        assert process.exitcode == 0, said.with_suffix(".err").read_text()
        return 1024 * int(said.read_text())

    low, high = 256, 2048
    grown = peak(high) - peak(low)
    own = (high - low) * 512 * (3 + 2 + 4)
    # The scores of the rows in between would take 350 MiB.
    assert grown <= own + 24 * 2**20


def test_the_sums_of_a_wide_picture_are_those_of_the_rows_asked_for(toy: Any) -> None:
    """What is kept of a row of windows is its small maps."""
    engine = toy(num_classes=50, stride=8)
    windows = WindowRows(engine, torch.zeros(3, 64, 640), (32, 32), 0.5, flip=False, probabilities=False)
    largest = 0

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor) and out.is_contiguous():
                largest = max(largest, out.numel())
            return out

    with Watch():
        windows.rows(0, 2)
    assert 0 < largest <= 50 * 2 * 640


def test_windows_blended_by_hann_weights_are_their_weighted_average(toy: Any, picture: torch.Tensor) -> None:
    engine = toy(7, 4, False)
    protocol = resolve(ProtocolSettings("window", window=(20, 24), stride=0.5, blend="hann"))
    height, width = picture.shape[-2:]
    weight = torch.outer(*((math.pi * (torch.arange(side) + 0.5) / side).sin() ** 2 for side in (20, 24)))
    total, weights = torch.zeros(7, height, width), torch.zeros(height, width)
    for top in window_starts(height, 20, 10):
        for left in window_starts(width, 24, 12):
            place = (slice(top, top + 20), slice(left, left + 24))
            total[:, *place] += weight * resize(engine(picture[None, :, *place]), (20, 24), False)[0]
            weights[place] += weight
    torch.testing.assert_close(scores(engine, picture, protocol), total / weights, rtol=1e-4, atol=1e-4)
    assert weights.min() > 0 and "blended by Hann weights" in protocol.describe()


def test_blending_needs_windows() -> None:
    with pytest.raises(UserError, match=r"protocol.blend has no effect"):
        resolve(ProtocolSettings("whole", blend="hann"))
    assert "blend" not in resolve(ProtocolSettings("window", window=(9, 9))).to_json()


@pytest.mark.parametrize("columns", [(0, 17), (17, 60), (60, 61), (5, 77)])
def test_some_columns_are_those_of_all(columns: tuple[int, int], toy: Any) -> None:
    image = torch.randint(0, 256, (3, 50, 77), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    options: dict[str, Any] = {"flip": False, "probabilities": False, "hann": True}
    engine = toy(5, 4)
    everything = WindowRows(engine, image, (20, 24), 0.5, **options).rows(0, 50)
    some = WindowRows(engine, image, (20, 24), 0.5, **options, columns=columns)
    first, end = some.reached
    assert first <= columns[0] and columns[1] <= end
    torch.testing.assert_close(some.rows(0, 50), everything[:, :, slice(*columns)], rtol=0, atol=0)
    torch.testing.assert_close(
        WindowRows(engine, image, (20, 24), 0.5, **options).part(0, 50, *columns), everything[:, :, slice(*columns)]
    )
