"""Label spaces: what mask values mean."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sceneparse.errors import UserError
from sceneparse.labels import IGNORE, LabelSpace, PartTree, distinct_colors
from sceneparse.labels.mirroring import paired_by_name


def test_distinct_colors_are_distinct_and_stable() -> None:
    colors = distinct_colors(150)
    assert len(set(colors)) == 150
    assert colors[:7] == distinct_colors(7)
    assert all(0 <= value <= 255 for color in colors for value in color)


def test_names_alone_give_ids_and_colors() -> None:
    space = LabelSpace(("sky", "road"))
    assert len(space) == 2
    assert space.ids == (0, 1)
    assert space.colors == distinct_colors(2)
    assert space.palette.shape == (2, 3) and space.palette.dtype == np.uint8


def test_a_background_is_black_where_nothing_says_another_colour() -> None:
    names = ("Background", "car", "__bg__")
    assert LabelSpace(names).colors == ((0, 0, 0), distinct_colors(3)[1], (0, 0, 0))
    assert LabelSpace(names, colors=distinct_colors(3)).colors == distinct_colors(3)


class TestIndexMasks:
    def test_ids_become_class_indices_and_ignored_values_ignore(self) -> None:
        space = LabelSpace(("sky", "road", "car"), ids=(7, 0, 300), ignore=(255, 65535))
        mask = np.array([[7, 0, 300], [255, 65535, 7]], dtype=np.uint16)
        labels, unknown = space.decode(mask)
        assert labels.dtype == np.int16
        assert labels.tolist() == [[0, 1, 2], [IGNORE, IGNORE, 0]]
        assert unknown == {}

    def test_unknown_values_are_ignored_and_counted(self) -> None:
        labels, unknown = LabelSpace(("sky", "road")).decode(np.array([[0, 1, 9], [9, 255, 0]], dtype=np.uint8))
        assert labels.tolist() == [[0, 1, IGNORE], [IGNORE, IGNORE, 0]]
        assert unknown == {"9": 2, "255": 1}

    @pytest.mark.parametrize("kind", [np.int32, np.int64])
    def test_values_that_no_mask_file_should_hold_are_unknown_too(self, kind: Any) -> None:
        space = LabelSpace(("sky", "road"), ids=(0, 65535))
        labels, unknown = space.decode(np.array([[-1, 65536, 0, 65535]], dtype=kind))
        assert labels.tolist() == [[IGNORE, IGNORE, 0, 1]]
        assert unknown == {"-1": 1, "65536": 1}

    def test_decode_leaves_the_mask_as_it_was(self) -> None:
        mask = np.array([[0, 9]], dtype=np.int64)
        LabelSpace(("sky", "road")).decode(mask)
        assert mask.tolist() == [[0, 9]]


class TestColorMasks:
    space = LabelSpace(
        ("sky", "road"), colors=((0, 0, 255), (128, 64, 128)), ignore_colors=((0, 0, 0),), masks="rgb", ids=(4, 2)
    )

    def test_colors_become_class_indices(self) -> None:
        mask = np.array([[(0, 0, 255), (128, 64, 128)], [(0, 0, 0), (0, 0, 255)]], dtype=np.uint8)
        labels, unknown = self.space.decode(mask)
        assert labels.dtype == np.int16
        assert labels.tolist() == [[0, 1], [IGNORE, 0]]
        assert unknown == {}

    def test_unknown_colors_are_ignored_and_counted(self) -> None:
        mask = np.array([[(255, 0, 255), (0, 0, 254), (255, 0, 255), (255, 255, 255), (128, 64, 128)]], dtype=np.uint8)
        labels, unknown = self.space.decode(mask)
        assert labels.tolist() == [[IGNORE] * 4 + [1]]
        assert unknown == {"#0000fe": 1, "#ff00ff": 2, "#ffffff": 1}

    def test_ids_are_refused(self) -> None:
        with pytest.raises(UserError, match=r'expects colours: leave "masks": "rgb" out of classes\.json$'):
            self.space.decode(np.array([[4, 2]]))

    def test_red_green_and_blue_are_not_confused(self) -> None:
        space = LabelSpace(("r", "g", "b"), colors=((255, 0, 0), (0, 255, 0), (0, 0, 255)), masks="rgb")
        labels, _ = space.decode(np.array([[(0, 0, 255), (255, 0, 0), (0, 255, 0)]], dtype=np.uint8))
        assert labels.tolist() == [[2, 0, 1]]


class TestEncode:
    def test_decode_undoes_encode(self) -> None:
        space = LabelSpace(("sky", "road", "car"), ids=(7, 0, 30), ignore=(255,))
        labels = np.array([[0, 1, 2, IGNORE]], dtype=np.int16)
        mask = space.encode(labels)
        assert mask.dtype == np.uint8
        assert mask.tolist() == [[7, 0, 30, 255]]
        assert space.decode(mask)[0].tolist() == labels.tolist()

    @pytest.mark.parametrize(
        "space",
        [
            TestColorMasks.space,
            LabelSpace(("sky", "road"), ids=(7, 256), ignore=(3, 9)),
            LabelSpace(("sky", "road"), ids=(255, 254), ignore=(-1,)),
            LabelSpace(tuple(map(str, range(256)))),
        ],
    )
    def test_ids_come_back_whatever_form_the_masks_have(self, space: LabelSpace) -> None:
        labels = np.array([[0, 1, IGNORE], [IGNORE, 1, 0]], dtype=np.int16)
        back = space.decode_ids(space.encode(labels))
        assert back.dtype == np.int16 and back.tolist() == labels.tolist()

    def test_ids_of_no_class_are_none(self) -> None:
        assert LabelSpace(("sky", "road"), ids=(4, 2)).decode_ids(np.array([[1, 2, 9]])).tolist() == [[-1, 1, -1]]

    def test_large_ids_take_two_bytes(self) -> None:
        mask = LabelSpace(("sky", "road"), ids=(7, 256)).encode(np.array([[0, 1, IGNORE]]))
        assert mask.dtype == np.uint16
        assert mask.tolist() == [[7, 256, 65535]]

    def test_a_large_ignored_value_takes_two_bytes(self) -> None:
        mask = LabelSpace(("sky", "road"), ignore=(1000,)).encode(np.array([[0, IGNORE]]))
        assert mask.dtype == np.uint16 and mask.tolist() == [[0, 1000]]

    def test_without_an_ignored_value_the_largest_free_one_is_taken(self) -> None:
        mask = LabelSpace(("a", "b", "c"), ids=(255, 254, 0)).encode(np.array([[0, 1, 2, IGNORE]]))
        assert mask.dtype == np.uint8 and mask.tolist() == [[255, 254, 0, 253]]

    def test_ignored_pixels_are_no_class_even_when_every_byte_is_one(self) -> None:
        space = LabelSpace(tuple(str(index) for index in range(256)))
        mask = space.encode(np.array([[255, IGNORE]]))
        assert mask.dtype == np.uint16 and mask.tolist() == [[255, 65535]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"names": ()}, "at least one class"),
        ({"names": ("sky", "sky")}, "'sky' stands for two classes"),
        ({"names": ("sky", "road"), "ids": (1,)}, "2 class names but 1 ids"),
        ({"names": ("sky", "road"), "ids": (1, 1)}, "id 1 stands for two"),
        ({"names": ("sky",), "ids": (70000,)}, "70000 is not in 0..65535"),
        ({"names": ("sky",), "ids": (-1,)}, "-1 is not in 0..65535"),
        ({"names": ("sky",), "ignore": (-(2**40),)}, "is more than 2147483648 from zero"),
        ({"names": ("sky",), "ids": (3,), "ignore": (255, 3)}, "3 is both a class and ignored"),
        ({"names": ("sky", "road"), "colors": ((1, 2, 3),)}, "2 class names but 1 colors"),
        ({"names": ("sky",), "colors": ((1, 2, 300),)}, r"\[1, 2, 300\] is not three values"),
        ({"names": ("sky",), "ignore_colors": ((1, -2, 3),)}, "is not three values"),
        ({"names": ("a", "b"), "colors": ((1, 2, 3), (1, 2, 3)), "masks": "rgb"}, "stands for two"),
        ({"names": ("a",), "colors": ((1, 2, 3),), "ignore_colors": ((1, 2, 3),), "masks": "rgb"}, "stands for two"),
    ],
)
def test_a_space_that_does_not_hold_together_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        LabelSpace(**arguments)


def test_colors_may_repeat_where_masks_hold_ids() -> None:
    assert len(LabelSpace(("a", "b"), colors=((1, 2, 3), (1, 2, 3)))) == 2


class TestJson:
    def test_reading_back_gives_the_same_space(self, tmp_path: Path) -> None:
        space = LabelSpace(
            ("sky", "road"),
            colors=((1, 2, 3), (4, 5, 6)),
            ids=(9, 2),
            ignore=(255, 0),
            ignore_colors=((0, 0, 0),),
            masks="rgb",
        )
        path = tmp_path / "labels.json"
        path.write_text(json.dumps(space.to_json()))
        assert LabelSpace.read(path) == space

    def test_names_are_enough(self) -> None:
        assert LabelSpace.from_json({"names": ["sky"]}, "x") == LabelSpace(("sky",))

    @pytest.mark.parametrize(("ignore", "read"), [(255, (255,)), (None, ()), ([0, 255], (0, 255)), ([], ())])
    def test_ignore_may_be_one_number_a_list_or_null(self, ignore: Any, read: tuple[int, ...]) -> None:
        assert LabelSpace.from_json({"names": ["sky"], "ids": [1], "ignore": ignore}, "x").ignore == read

    @pytest.mark.parametrize(
        ("extra", "line"),
        [
            (["ignroe"], "key without a meaning here, ignored: 'ignroe' (did you mean 'ignore'?)"),
            (["colour"], "key without a meaning here, ignored: 'colour' (did you mean 'colors'?)"),
            (["xyz"], "key without a meaning here, ignored: 'xyz'; known keys: names, colors"),
            (["xyz", "Ids"], "keys without a meaning here, ignored: 'xyz', 'Ids' (did you mean 'ids'?)"),
        ],
    )
    def test_extra_keys_are_listed_once_and_ignored(
        self, extra: list[str], line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "classes.json"
        path.write_text(json.dumps({"names": ["sky"], **dict.fromkeys(extra, 1)}))
        assert LabelSpace.read(path) == LabelSpace.read(path) == LabelSpace(("sky",))
        (listed,) = capsys.readouterr().err.splitlines()
        assert listed.startswith(f"warning: {path}: {line}")

    def test_one_of_several_processes_lists_extra_keys(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("RANK", "1")
        LabelSpace.from_json({"names": ["sky"], "xyz": 1}, "of rank 1")
        assert capsys.readouterr().err == ""

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (["sky"], "expected an object .* found a list"),
            (None, "found null"),
            ({}, 'no "names"'),
            ({"names": "sky"}, "must be a list of class names"),
            ({"names": ["sky", ""]}, "must be a list of class names"),
            ({"names": ["sky", 3]}, "must be a list of class names"),
            ({"names": []}, "at least one class"),
            ({"names": ["sky"], "ids": ["0"]}, '"ids" must be a list of whole numbers'),
            ({"names": ["sky"], "ids": [True]}, '"ids" must be a list of whole numbers'),
            ({"names": ["sky"], "ignore": "255"}, '"ignore" must be a list of whole numbers'),
            ({"names": ["sky"], "ignore": 1.5}, '"ignore" must be a list of whole numbers'),
            ({"names": ["sky"], "colors": [[1, 2]]}, '"colors" must be a list of colours'),
            ({"names": ["sky"], "colors": "red"}, '"colors" must be a list of colours'),
            ({"names": ["sky"], "colors": [[1, 2, 3.5]]}, '"colors" must be a list of whole numbers'),
            ({"names": ["sky"], "masks": "grey"}, "\"masks\" is 'grey'"),
            ({"names": ["sky"], "masks": "rgb"}, '"colors" must give the colour of each class'),
            ({"names": ["sky", "sky"]}, "stands for two classes"),
        ],
    )
    def test_what_is_wrong_is_named_with_its_file(self, value: Any, message: str) -> None:
        with pytest.raises(UserError, match=message) as caught:
            LabelSpace.from_json(value, "data/classes.json")
        assert str(caught.value).startswith("data/classes.json: ")
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_files_of_windows_editors_are_read(self, encoding: str, tmp_path: Path) -> None:
        (tmp_path / "classes.json").write_text('{"names": ["Straße", "道路"]}', encoding=encoding)
        assert LabelSpace.read(tmp_path / "classes.json").names == ("Straße", "道路")

    @pytest.mark.parametrize(
        ("write", "message"),
        [
            (lambda _: None, "no such file"),
            (lambda path: path.mkdir(), "cannot be read"),
            (lambda path: path.write_bytes(b"\xff\xfe\x00"), "cannot be read"),
            (lambda path: path.write_text('{"names": [\n"sky",]}'), ":2:.*not valid JSON"),
            (lambda path: path.write_text('{"names": ["a"], "names": ["b"]}'), 'the key "names" stands twice'),
        ],
    )
    def test_a_file_that_cannot_be_read_is_named(
        self, tmp_path: Path, write: Callable[[Path], object], message: str
    ) -> None:
        path = tmp_path / "classes.json"
        write(path)
        with pytest.raises(UserError, match=message) as caught:
            LabelSpace.read(path)
        assert str(path) in str(caught.value)


class TestPartTree:
    objects, parts = LabelSpace(("house", "sky")), LabelSpace(("door", "roof"))

    def test_objects_have_parts_or_none(self) -> None:
        tree = PartTree(self.objects, self.parts, ((0, 1), ()))
        assert tree.children == ((0, 1), ())

    def test_every_object_needs_its_list(self) -> None:
        with pytest.raises(UserError, match="2 objects but 1 lists"):
            PartTree(self.objects, self.parts, ((0, 1),))

    def test_a_part_that_is_not_there_is_refused(self) -> None:
        with pytest.raises(UserError, match="'house' has part 2, but there are only 2"):
            PartTree(self.objects, self.parts, ((2,), ()))


class TestMirror:
    def test_pairs_are_kept_and_written_only_where_there_are_some(self) -> None:
        value = {"names": ["floor", "left door", "right door"], "mirror": [["left door", "right door"]]}
        space = LabelSpace.from_json(value, "classes.json")
        assert space.mirror == (("left door", "right door"),) and space.mirror_image == (0, 2, 1)
        assert LabelSpace.from_json(space.to_json(), "labels.json") == space
        plain = LabelSpace(("floor", "door"))
        assert "mirror" not in plain.to_json() and plain.mirror_image == ()
        assert LabelSpace.from_json({"names": ["floor"], "mirror": None}, "classes.json").mirror == ()
        alone = LabelSpace.from_json({**value, "mirror": [[None, "right door"]]}, "classes.json")
        assert alone.mirror == (("right door", None),) and alone.without_mirror_image == (2,)
        assert alone.to_json()["mirror"] == [["right door", None]]

    @pytest.mark.parametrize(
        ("mirror", "message"),
        [
            ([["left", "middle"]], "\"mirror\" names 'middle', which is no class"),
            ([["left", "left"]], "\"mirror\" pairs 'left' with itself"),
            (
                [["left", "right"], ["right", "top"]],
                "\"mirror\" pairs 'right' with both 'left' and 'top': a class has one",
            ),
            ([["left", "right"], ["right", "left"]], "\"mirror\" lists the pair of 'right' and 'left' twice"),
            (["left", "right"], '"mirror" must be a list of pairs of class names, such as'),
            ({"left": "right"}, '"mirror" must be a list of pairs'),
            ([["left", "right", "top"]], '"mirror" must be a list of pairs'),
            ([["left", 1]], '"mirror" must be a list of pairs'),
            ([[None, None]], '"mirror" must be a list of pairs'),
            ([["left", None], ["right", "left"]], "\"mirror\" pairs 'left' with both null and 'right'"),
            ([[None, "left"], ["left", None]], "\"mirror\" lists the pair of 'left' and null twice"),
        ],
    )
    def test_pairs_of_anything_else_are_refused(self, mirror: Any, message: str) -> None:
        with pytest.raises(UserError, match=r"^classes\.json: ") as error:
            LabelSpace.from_json({"names": ["left", "right", "top"], "mirror": mirror}, "classes.json")
        assert message in str(error.value) and "\n" not in str(error.value)

    @pytest.mark.parametrize(
        "pair",
        [
            ("left door", "right door"), ("left_door", "right_door"), ("back-left-door", "back-right-door"),
            ("LeftDoor", "RightDoor"), ("doorLeft", "doorRight"), ("LEFT", "RIGHT"), ("Left eye", "right eye"),
            ("leftmirror", "rightmirror"), ("door1left", "door1right"),
        ],
    )  # fmt: skip
    def test_names_that_differ_in_left_and_right_are_paired(self, pair: tuple[str, str]) -> None:
        assert paired_by_name((pair[1], "hood", pair[0])) == (pair,)

    @pytest.mark.parametrize(
        "pair", [("l_arm", "r_arm"), ("armL", "armR"), ("L Arm", "R Arm"), ("eye.L", "eye.R"), ("ear1L", "ear1R")]
    )
    def test_letters_stand_for_sides_only_where_they_are_asked_for(self, pair: tuple[str, str]) -> None:
        assert paired_by_name(pair, letters=True) == (pair,) and paired_by_name(pair) == ()

    def test_what_only_looks_alike_is_not_paired(self) -> None:
        names = (
            "lamp",
            "ramp",
            "light",
            "right",
            "l",
            "r",
            "left turn",
            "bright",
            "cleft",
            "late",
            "rate",
            "a_l_b",
            "a_r_b",
        )
        assert paired_by_name(names, letters=True) == ()
