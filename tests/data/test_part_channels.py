import torch

from sceneparse.data.part_channels import part_channels
from sceneparse.labels import IGNORE
from tests.support.unified import TREE

SKY, HOUSE, PERSON = 0, 1, 2
ROOF, DOOR, HEAD = 0, 1, 2


def channels(owners: list[int], parts: list[int]) -> list[int]:
    found = part_channels(torch.tensor([owners], dtype=torch.int16), torch.tensor([parts], dtype=torch.int16), TREE)
    return found[0].tolist()


def test_each_object_has_channels_of_its_own_and_pixels_without_part_are_its_first() -> None:
    assert TREE.channels == ((HOUSE, IGNORE), (HOUSE, ROOF), (HOUSE, DOOR), (PERSON, IGNORE), (PERSON, HEAD))
    owners = [HOUSE, HOUSE, HOUSE, PERSON, PERSON, SKY]
    assert channels(owners, [ROOF, DOOR, IGNORE, HEAD, IGNORE, IGNORE]) == [1, 2, 0, 4, 3, IGNORE]


def test_of_an_object_that_shows_none_of_its_parts_nothing_is_known() -> None:
    assert channels([HOUSE, HOUSE, PERSON, PERSON], [ROOF, IGNORE, IGNORE, IGNORE]) == [1, 0, IGNORE, IGNORE]


def test_parts_outside_of_objects_that_can_have_them_are_dropped() -> None:
    assert channels([SKY, PERSON, PERSON, IGNORE], [ROOF, ROOF, HEAD, DOOR]) == [IGNORE, 3, 4, IGNORE]


def test_pictures_of_a_batch_are_told_apart() -> None:
    owners = torch.full((2, 1, 2), HOUSE, dtype=torch.int16)
    parts = torch.tensor([[[ROOF, IGNORE]], [[IGNORE, IGNORE]]], dtype=torch.int16)
    assert part_channels(owners, parts, TREE).tolist() == [[[1, 0]], [[IGNORE, IGNORE]]]
