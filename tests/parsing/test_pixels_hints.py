"""What is said of pixels in a form that is nearly right."""

from typing import Any

import numpy as np
import pytest
import torch

from sceneparse import Parser, UserError


@pytest.mark.parametrize(
    ("picture", "hint"),
    [
        (np.zeros((3, 8, 9), np.uint8), "; if its channels come first: array.transpose(1, 2, 0)"),
        (np.full((8, 9, 3), 1.0), "; if its values are 0..1: (array * 255).round().astype(np.uint8)"),
        (np.full((8, 9, 3), 7.5), "; if its values are 0..255: array.round().astype(np.uint8)"),
        (torch.full((3, 8, 9), 0.5), "; if its values are 0..1: (tensor * 255).round().to(torch.uint8)"),
        (torch.full((3, 8, 9), 99.0), "; if its values are 0..255: tensor.round().to(torch.uint8)"),
        (np.zeros((4, 5, 6, 3), np.uint8), "values 0..255"),
    ],
)
def test_pixels_that_are_nearly_a_picture_say_what_makes_them_one(picture: Any, hint: str, parser: Parser) -> None:
    with pytest.raises(UserError) as refusal:
        parser.read(picture)
    assert str(refusal.value).endswith(hint)


def test_help_says_that_a_list_gives_an_iterator() -> None:
    assert "Of a list of pictures a call gives an iterator" in str(Parser.__doc__)
