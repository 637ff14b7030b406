import torch

from sceneparse.networks import resize


def test_aligned_corners_stay_in_place() -> None:
    maps = torch.tensor([[[[0.0, 3.0]]]])
    torch.testing.assert_close(resize(maps, (1, 4), align_corners=True), torch.tensor([[[[0.0, 1.0, 2.0, 3.0]]]]))


def test_without_aligned_corners_the_edges_stay_in_place() -> None:
    maps = torch.tensor([[[[0.0, 4.0]]]])
    torch.testing.assert_close(resize(maps, (1, 4), align_corners=False), torch.tensor([[[[0.0, 1.0, 3.0, 4.0]]]]))


def test_the_type_is_kept() -> None:
    assert resize(torch.zeros(1, 2, 3, 3, dtype=torch.float64), (5, 7), align_corners=False).dtype == torch.float64
