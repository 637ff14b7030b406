"""Pascal-Context and Pascal-Part in their owners' form."""

from pathlib import Path

import pytest

from sceneparse.datasets.broden.pascal import PascalPictures, read_part_names
from sceneparse.datasets.broden.tables import published_tables
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE
from tests.support.pascal import PART2IND, write_pascal

scipy_io = pytest.importorskip("scipy.io")


def test_short_names_are_explained_without_words_of_place(tmp_path: Path) -> None:
    (tmp_path / "part2ind.m").write_text(PART2IND)
    assert read_part_names(tmp_path / "part2ind.m") == {
        (1, "body"): "body",
        (1, "lwing"): "wing",
        (1, "engine"): "engine",
        (15, "luarm"): "arm",
        (10, "lfho"): "hoof",
        (17, "lfho"): "hoof",
    }


def test_objects_and_the_parts_inside_them_are_decoded(tmp_path: Path) -> None:
    sample = PascalPictures(write_pascal(tmp_path / "pascal"), published_tables()).sample(0, 3)
    tasks = published_tables().tasks
    assert tasks.objects and tasks.parts and sample.objects is not None and sample.parts is not None
    person, sky = tasks.objects.names.index("person"), tasks.objects.names.index("sky")
    assert sample.objects.tolist() == [[person, person, sky, IGNORE]] * 3
    assert sample.parts.tolist() == [[IGNORE, tasks.parts.names.index("arm"), IGNORE, IGNORE]] * 3
    assert sample.name == "2008_1" and sample.scene is None


def test_a_part_that_part2ind_does_not_explain_is_refused(tmp_path: Path) -> None:
    pictures = PascalPictures(write_pascal(tmp_path / "pascal", "tentacle"), published_tables())
    with pytest.raises(UserError, match=r"2008_1\.mat: part 'tentacle' of object 15 is not in part2ind\.m"):
        pictures.sample(0, 3)
