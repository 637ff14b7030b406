"""Finding pictures in folders and by patterns."""

from pathlib import Path

import pytest

from sceneparse.errors import UserError
from sceneparse.pictures.finding import find_pictures
from sceneparse.pictures.naming import tool_path


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def names(*inputs: str | Path) -> list[str]:
    return [found.name for found in find_pictures(inputs)]


def test_folders_are_searched_through_in_order(tmp_path: Path) -> None:
    touch(tmp_path, "b.JPG", "a.png", "notes.txt", ".hidden.png", "sub/z.tif", "sub/deep/x.webp", "also/y.gif")
    assert names(tmp_path) == ["a", "b", "also/y", "sub/z", "sub/deep/x"]
    assert [found.path for found in find_pictures([tmp_path])][:2] == [tmp_path / "a.png", tmp_path / "b.JPG"]


def test_pictures_that_differ_only_in_the_suffix_keep_it(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "a.png", "b.jpg", "a.jpg.png", "sub/a.jpg")
    assert names(tmp_path) == ["a.jpg", "a.jpg.png", "a.png", "b", "sub/a"]


def test_names_stay_unique_over_several_inputs(tmp_path: Path) -> None:
    touch(tmp_path, "one/a.jpg", "two/a.jpg", "two/b.jpg")
    assert names(tmp_path / "one", tmp_path / "two", tmp_path / "one" / "a.jpg") == ["a", "a-2", "b", "a-3"]


def test_paths_that_tools_know_stay_unique_over_several_inputs(tmp_path: Path) -> None:
    touch(tmp_path, "one/a.jpg", "one/a.png", "two/a.jpg", "three/a.bmp")
    for inputs, expected in (
        (("one", "two"), ["a.jpg", "a.png", "a-2"]),
        (("two", "one"), ["a", "a.jpg-2", "a.png"]),
        (("three", "one"), ["a", "a.jpg", "a.png"]),
        (("one", "one", "three"), ["a.jpg", "a.png", "a.jpg-2", "a.png-2", "a"]),
    ):
        found = list(find_pictures([tmp_path / name for name in inputs]))
        assert [one.name for one in found] == expected
        assert len({tool_path(one.name, one.path) for one in found}) == len(found)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["a"]),
        ("**/*.jpg", ["a", "x/c", "x/y/d"]),
        ("x/**", ["b", "c", "y/d"]),
        ("*/[bc].*", ["x/b", "x/c"]),
        ("x/?.png", ["b"]),
        ("**/y/*", ["x/y/d"]),
    ],
)
def test_patterns_choose_pictures(pattern: str, expected: list[str], tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "e.png", "x/b.png", "x/c.jpg", "x/y/d.jpg", "x/y/readme.md")
    assert names(tmp_path / pattern) == expected


def test_a_file_given_by_name_counts_whatever_its_suffix(tmp_path: Path) -> None:
    touch(tmp_path, "photo.dat", "odd[1].jpg")
    assert names(tmp_path / "photo.dat") == ["photo"]
    assert names(tmp_path / "odd[1].jpg") == ["odd[1]"]


def test_a_link_back_up_ends_the_search(tmp_path: Path) -> None:
    touch(tmp_path, "sub/a.jpg")
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    assert names(tmp_path) == ["sub/a"]


@pytest.mark.parametrize(
    ("given", "message"),
    [("missing", "no such file or folder"), ("empty", "no pictures in this folder"), ("*.bmp", "no picture matches")],
)
def test_inputs_without_pictures_are_refused_before_anything_is_read(given: str, message: str, tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "empty/readme.md")
    with pytest.raises(UserError, match=message):
        find_pictures([tmp_path / "a.jpg", tmp_path / given])
    with pytest.raises(UserError, match="no pictures given"):
        find_pictures([])


def test_all_wrong_inputs_are_named_at_once_up_to_three(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "empty/readme.md")
    wrong = [tmp_path / name for name in ("b.jpg", "empty", "c.jpg")]
    with pytest.raises(UserError) as caught:
        find_pictures([wrong[0], tmp_path / "a.jpg", *wrong[1:]])
    assert [str(path) in str(caught.value) for path in wrong] == [True] * 3 and "more" not in str(caught.value)
    with pytest.raises(UserError, match=r"c\.jpg: no such file or folder.*; and 2 more$") as caught:
        find_pictures([*wrong, tmp_path / "d", tmp_path / "e"])
    assert str(tmp_path / "d") not in str(caught.value)


def test_a_name_with_blanks_that_stands_without_quotes_is_told(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "my holiday photo.jpg")
    message = f"^{tmp_path}/my: no such file or folder; a name with blanks stands in quotes: '{tmp_path}/my holiday"
    with pytest.raises(UserError, match=message):
        find_pictures([tmp_path / "a.jpg", tmp_path / "my", "holiday", "photo.jpg"])
    with pytest.raises(UserError, match=f"^{tmp_path}/your: no such file or folder; holiday: no such file"):
        find_pictures([tmp_path / "your", "holiday", "long" * 50, "long" * 50])  # too long for a file, put together


def test_a_long_folder_is_listed_without_reading_files(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{index:05}.jpg" for index in range(2000)))
    found = find_pictures([tmp_path])
    assert next(found).name == "00000"
    assert sum(1 for _ in found) == 1999


@pytest.mark.parametrize("folder", ["@eaDir", "#recycle", "__MACOSX", "$RECYCLE.BIN", ".AppleDouble", "lost+found"])
def test_what_systems_keep_for_themselves_is_left_out(folder: str, tmp_path: Path) -> None:
    (tmp_path / "photos" / folder).mkdir(parents=True)
    for name in ("photos/a.jpg", f"photos/{folder}/thumbnail.jpg"):
        (tmp_path / name).touch()
    assert [found.name for found in find_pictures([tmp_path])] == ["photos/a"]
    with pytest.raises(UserError, match="no picture matches"):
        find_pictures([f"{tmp_path}/photos/*/*.jpg"])
    assert [found.name for found in find_pictures([tmp_path / "photos" / folder])] == ["thumbnail"]  # asked for
