"""What a collection is made of, wherever it lies."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from sceneparse.errors import UserError
from sceneparse.parsing.batches import MOST
from sceneparse.parsing.runs.collection import needs_collection
from sceneparse.parsing.runs.collection.cluster import Shares
from sceneparse.parsing.runs.collection.items import (
    LARGEST_CHUNK,
    SMALLEST_CHUNK,
    Item,
    chunks,
    packed,
    unpacked,
)
from sceneparse.parsing.runs.collection.listing import list_items
from sceneparse.parsing.runs.collection.locations import Location
from sceneparse.parsing.runs.collection.shards import content
from sceneparse.pictures.forms import LeftOut
from tests.support.tars import write_tar

OUT = "/nowhere/out"


def names(items: list[Item]) -> list[str]:
    return [item.name for item in items]


class TestPlaces:
    def test_folders_patterns_and_files_are_named_as_in_the_plain_loop(self, folder: Path) -> None:
        items = list_items([str(folder)], OUT)
        assert names(items) == ["a", "b", "broken", "c", "d", "below/e"]
        assert [item.number for item in items] == list(range(6)) and all(item.kind == "file" for item in items)
        assert names(list_items([str(folder / "**" / "*.png"), str(folder / "a.png")], OUT)) == [
            *("a", "b", "c", "d", "below/e"),
            "a-2",
        ]

    def test_urls_lead_to_the_same_pictures(self, folder: Path) -> None:
        items = list_items([f"file://{folder}"], OUT)
        assert sorted(names(items)) == ["a", "b", "below/e", "broken", "c", "d"]
        assert names(list_items([f"file://{folder}/*.png"], OUT)) == ["a", "b", "c", "d"]
        (one,) = list_items([f"file://{folder}/below/e.png"], OUT)
        assert one.name == "e" and content(one) == (folder / "below" / "e.png").read_bytes()

    def test_an_object_store_is_a_place_like_any_other(self, pngs: list[bytes]) -> None:
        for index, png in enumerate(pngs):
            (Location("memory://bucket/photos") / f"{index}/x.png").write(png)
        Location("memory://bucket/photos/.hidden/x.png").write(pngs[0])
        items = list_items(["memory://bucket/photos"], OUT)
        assert names(items) == [f"{index}/x" for index in range(5)]
        assert [content(item) for item in items] == pngs

    def test_pictures_that_differ_in_the_suffix_both_keep_it(self, pngs: list[bytes]) -> None:
        for name in ("x.png", "x.jpg", "y.png"):
            Location(f"memory://twins/{name}").write(pngs[0])
        assert names(list_items(["memory://twins"], OUT)) == ["x.jpg", "x.png", "y"]

    def test_names_with_signs_of_patterns_are_names_where_there_is_such_a_thing(
        self, tmp_path: Path, pngs: list[bytes], tar: Path
    ) -> None:
        odd = tmp_path / "set [1]"
        odd.mkdir()
        (odd / "a.png").write_bytes(pngs[0])
        (odd / "b.tar").write_bytes(tar.read_bytes())
        assert names(list_items([f"file://{odd}"], OUT)) == ["a"]
        assert names(list_items([str(odd / "b.tar")], OUT)) == ["b/train/0", "b/train/1", "b/train/2"]

    def test_an_objects_key_cannot_lead_out_of_the_output_folder(
        self, pngs: list[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        location = Location("memory://keys/in/good.png")
        location.write(pngs[0])
        # Unlike this one, a store of objects takes any key.
        keys = ["/keys/in/good.png", "/keys/in/../../up.png", "/keys/in//x.png"]
        monkeypatch.setattr(type(location.fs), "find", lambda *_: keys)
        items = list_items(["memory://keys/in"], OUT)
        assert {item.name: item.problem is None for item in items} == {"good": True, "up": False, "x": False}

    def test_outputs_are_no_inputs(self, folder: Path, pngs: list[bytes]) -> None:
        (folder / "out").mkdir()
        (folder / "out" / "a.png").write_bytes(pngs[0])
        assert "out/a" not in names(list_items([str(folder)], str(folder / "out")))
        for out in (f"file://{folder}/out", str(folder / "out")):
            assert "out/a" not in names(list_items([f"file://{folder}"], out))


class TestTars:
    def test_a_tars_pictures_are_found_without_reading_them(self, tar: Path, pngs: list[bytes]) -> None:
        items = list_items([str(tar)], OUT)
        assert names(items) == ["shard-000/train/0", "shard-000/train/1", "shard-000/train/2"]
        assert items[1].file == f"{tar}/train/1.png"
        assert [content(item) for item in items] == pngs[:3]
        assert names(list_items([f"file://{tar.parent}/*.tar"], OUT)) == names(items)
        assert all(Path(item.address).is_absolute() for item in items)
        assert [content(item) for item in list_items([f"file://{tar}"], OUT)] == pngs[:3]

    def test_a_member_cannot_lead_out_of_the_output_folder(self, tmp_path: Path, pngs: list[bytes]) -> None:
        tar = write_tar(tmp_path / "bad.tar", {"../../up.png": pngs[0], "/etc/x.png": pngs[0], "good.png": pngs[0]})
        items = list_items([str(tar)], OUT)
        assert [item.problem is None for item in items] == [False, False, True]
        plain = write_tar(tmp_path / "plain.tar", {"./a.png": pngs[0]})  # as `tar -cf plain.tar .` has it
        assert [(item.name, item.problem) for item in list_items([str(plain)], OUT)] == [("plain/a", None)]
        assert not any(".." in item.name or item.name.startswith("/") for item in items)

    @pytest.mark.parametrize(
        ("members", "parsed"),
        [
            (("a.jpg", "a.seg.png", "b.jpg", "b.seg.png"), ("a", "b")),
            (("x/a.jpg", "x/a.labelIds.png", "x/a.depth.tif", "y/a.seg.png"), ("x/a", "y/a.seg")),
            (("a.image.jpg", "a.mask.png", "b.image.png", "b.mask.png"), ("a.image", "b.image")),
            (("a.png", "a.gtFine_labelIds.png", "a.cls", "a.json"), ("a",)),
            (("a.jpg", "a.1.jpg", "b.v1.jpg", "b.v2.jpg"), ("a", "a.1", "b.v1", "b.v2")),
            (("a.mask.png",), ("a.mask",)),
        ],
    )
    def test_labels_beside_a_picture_are_no_pictures(
        self, members: Sequence[str], parsed: Sequence[str], tmp_path: Path, pngs: list[bytes]
    ) -> None:
        tar = write_tar(tmp_path / "s.tar", dict.fromkeys(members, pngs[0]))
        left_out: list[LeftOut] = []
        assert names(list_items([str(tar)], OUT, left_out=left_out)) == [f"s/{name}" for name in parsed]
        pictures = [name for name in members if not name.endswith((".cls", ".json"))]
        assert [one.count for one in left_out] == [0, len(pictures) - len(parsed)]

    def test_what_is_not_read_is_counted_wherever_it_lies(self, tmp_path: Path, pngs: list[bytes]) -> None:
        tar = write_tar(tmp_path / "s.tar", {"a.png": pngs[0], "b.dng": b"", "c.json": b""})
        (tmp_path / "d.jxl").write_bytes(b"")
        (tmp_path / "e.png").write_bytes(pngs[0])
        for inputs in ([str(tar), str(tmp_path)], [f"file://{tmp_path}/*"]):
            left_out: list[LeftOut] = []
            list_items(inputs, OUT, left_out=left_out)
            assert left_out[0].counts == {".dng": 1, ".jxl": 1}
        alone = write_tar(tmp_path / "t.tar", {"b.dng": b""})
        with pytest.raises(UserError, match=r"no pictures found; left out 1 file that sceneparse does not read"):
            list_items([str(alone)], OUT)

    def test_videos_that_are_left_out_are_counted(self, tmp_path: Path, pngs: list[bytes]) -> None:
        (tmp_path / "e.png").write_bytes(pngs[0])
        (tmp_path / "clip.mp4").write_bytes(b"")
        left_out: list[LeftOut] = []
        assert names(list_items([str(tmp_path)], OUT, left_out=left_out)) == ["e"]
        assert [one.counts for one in left_out if one.count] == [{".mp4": 1}]

    def test_a_tar_that_is_cut_off_gives_what_it_has_and_itself(self, tar: Path, pngs: list[bytes]) -> None:
        tar.write_bytes(tar.read_bytes()[: 3 * 512 + len(pngs[0])])
        items = list_items([str(tar)], OUT)
        assert items[0].name == "shard-000/train/0" and items[0].problem is None
        assert (items[-1].name, items[-1].file) == ("shard-000", str(tar))
        assert "cut off" in str(items[-1].problem)

    def test_compressed_tars_are_refused_with_a_way_out(self) -> None:
        with pytest.raises(UserError, match=r"unpack it to a plain \.tar"):
            list_items(["photos.tar.gz"], OUT)


class TestParquet:
    @pytest.fixture(autouse=True)
    def arrow(self) -> None:
        pytest.importorskip("pyarrow")

    def write(self, path: Path, **columns: Sequence[object]) -> str:
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=2)
        return str(path)

    def test_rows_are_pictures(self, tmp_path: Path, pngs: list[bytes]) -> None:
        path = self.write(tmp_path / "photos.parquet", title=list("abcde"), image=pngs)
        items = list_items([path], OUT)
        assert names(items) == [f"photos/{row:06}" for row in range(5)] and items[4].file == f"{path}#4"
        assert [content(item) for item in items] == pngs

    def test_hugging_faces_form_is_read(self, tmp_path: Path, pngs: list[bytes]) -> None:
        path = self.write(tmp_path / "photos.parquet", image=[{"bytes": png, "path": "x"} for png in pngs])
        assert [content(item) for item in list_items([path], OUT)] == pngs

    def test_the_column_is_named_where_it_is_not_clear(self, tmp_path: Path, pngs: list[bytes]) -> None:
        path = self.write(tmp_path / "photos.parquet", left=pngs, right=pngs[::-1], title=list("abcde"))
        with pytest.raises(UserError, match=r"several columns .*left, right.*name one with column"):
            list_items([path], OUT)
        assert content(list_items([path], OUT, "right")[0]) == pngs[4]
        for column, words in (("title", "holds no pictures"), ("middle", "is not there")):
            with pytest.raises(UserError, match=words):
                list_items([path], OUT, column)

    def test_a_column_without_a_parquet_file_is_refused(self, folder: Path) -> None:
        with pytest.raises(UserError, match="column='image' is for Parquet files"):
            list_items([str(folder)], OUT, "image")

    def test_an_empty_row_and_a_damaged_file_are_said(self, tmp_path: Path, pngs: list[bytes]) -> None:
        path = self.write(tmp_path / "photos.parquet", image=[pngs[0], None])
        with pytest.raises(UserError, match="#1: the row holds no picture"):
            content(list_items([path], OUT)[1])
        (tmp_path / "bad.parquet").write_bytes(b"PAR1 nothing")
        (bad,) = list_items([str(tmp_path / "bad.parquet")], OUT)
        assert bad.name == "bad" and bad.problem

    def test_a_row_groups_rows_stay_together(self) -> None:
        items = [
            Item(number, str(number), "", "parquet", "x.parquet", start=number // 40, length=number % 40)
            for number in range(100)
        ]
        assert [len(chunk) for chunk in chunks(items)] == [40, 40, 20]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("nowhere/", "no such file or folder"),
        ("nowhere.tar", "no such file or folder"),
        ("file:///nowhere/photos", "no such file or folder"),
        ("nothing://bucket/photos", "cannot be reached"),
        ("memory://empty/*.png", "no pictures"),
    ],
)
def test_what_is_not_there_is_said(source: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        list_items([source], OUT)


def test_what_only_workers_take_is_told() -> None:
    assert [needs_collection(source) for source in ("a.jpg", "b/", "c.tar", "s3://b/c", "d.parquet", "e.tgz")] == [
        *(False, False),
        *(True, True, True, True),
    ]


@pytest.mark.parametrize("count", [1, 4, 5, 1000, 30_000])
def test_chunks_hold_each_item_once_and_are_neither_many_nor_large(count: int) -> None:
    items = [Item(number, str(number), "", "file", "") for number in range(count)]
    made = list(chunks(items))
    assert [item for chunk in made for item in chunk] == items
    assert max(map(len, made)) <= LARGEST_CHUNK and len(made) <= max(2000, count / LARGEST_CHUNK + 1)


def test_a_gpus_chunks_hold_full_batches() -> None:
    items = [Item(number, str(number), "", "file", "") for number in range(100)]
    gpus, processors = Shares(2, 8, 1), Shares(2, 8, 0)
    assert {len(chunk) for chunk in chunks(items, gpus.smallest_chunk(100))} == {4 * MOST, 100 % (4 * MOST)}
    assert {len(chunk) for chunk in chunks(items, processors.smallest_chunk(100))} == {SMALLEST_CHUNK}
    # Few are shared out among all GPUs.
    assert [len(chunk) for chunk in chunks(items[:20], gpus.smallest_chunk(20))] == [10, 10]


def test_items_survive_the_way_to_a_worker() -> None:
    items = [Item(3, "ä", "x.tar/ä.png", "tar", "x.tar", 512, 99, "", {"bytes": 3, "modified_ns": 2**60}, ["d"], "bad")]  # type: ignore[arg-type]
    assert packed(unpacked(packed(items))) == packed(items)
