import torch

from sceneparse.networks import normalize


def test_pictures_are_scaled_shifted_and_divided_by_channel() -> None:
    images = torch.randint(0, 256, (2, 3, 4, 5), dtype=torch.uint8)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    expected = torch.stack([(images[:, c].float() / 255 - mean[c]) / std[c] for c in range(3)], dim=1)
    result = normalize(images, mean, std)
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-6)


def test_one_value_stands_for_all_channels() -> None:
    images = torch.full((1, 4, 2, 2), 255, dtype=torch.uint8)
    assert torch.equal(normalize(images, (0.5,), (0.5,)), torch.ones(1, 4, 2, 2))


def test_the_memory_format_is_kept() -> None:
    images = torch.zeros(2, 3, 4, 5, dtype=torch.uint8).to(memory_format=torch.channels_last)
    assert normalize(images, (0.5,), (0.5,)).is_contiguous(memory_format=torch.channels_last)
