"""Files are whole or absent."""

import errno
import json
import multiprocessing
import os
import re
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sceneparse.errors import NoRoomError, UnwritableError, UserError
from sceneparse.files import (
    aside_of,
    hold,
    is_held,
    json_of,
    make_folder,
    make_room,
    refuse_unwritable_file,
    refuse_unwritable_folder,
    replace_folder,
    sized,
    whole_file,
    write_errors,
    write_json,
    write_text,
)
from sceneparse.unfinished import temporary_beside, temporary_folder


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_new_file_takes_the_old_ones_place(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    write_text(path, "new")
    assert path.read_text() == "new"
    assert files_in(tmp_path) == ["a.txt"]


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(ValueError, match="on purpose"), whole_file(path) as temporary:
        temporary.write_text("half of the n")
        raise ValueError("on purpose")
    assert path.read_text() == "old"
    assert files_in(tmp_path) == ["a.txt"]


def test_devices_and_pipes_are_written_into_and_stay(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    refuse_unwritable_file(pipe)
    with ThreadPoolExecutor() as pool:
        read = pool.submit(pipe.read_text)
        write_text(pipe, "all of it")
        assert read.result() == "all of it"
    assert stat.S_ISFIFO(pipe.stat().st_mode) and files_in(tmp_path) == ["pipe"]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system has no names of open files")
def test_an_open_file_is_written_into_by_its_name(tmp_path: Path) -> None:
    with (tmp_path / "out.txt").open("ab", buffering=0) as file:
        file.write(b"before ")
        write_text(Path(f"/proc/self/fd/{file.fileno()}"), "in between ")
        file.write(b"after")
    assert (tmp_path / "out.txt").read_text() == "before in between after"


def test_what_was_not_used_for_long_makes_room(tmp_path: Path) -> None:
    now = time.time()
    for name, age in (("old", 1000), ("older", 2000), ("new", 0)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (now - age, now - age))
    make_room(tmp_path, 1, unused=1500)
    assert files_in(tmp_path) == ["new", "old"]
    make_room(tmp_path, 1)
    assert files_in(tmp_path) == ["new"]


def test_a_cache_that_cannot_be_written_names_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SCENEPARSE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(UnwritableError, match="set SCENEPARSE_CACHE to a folder that can be"):
        make_folder(tmp_path / "file" / "cache" / "models")


def test_what_is_flushed_to_disk_is_open_for_writing_as_windows_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")
    modes = []
    monkeypatch.setattr(os, "fsync", lambda file: modes.append(fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE))
    write_text(tmp_path / "a.txt", "all of it")
    assert modes == [os.O_RDWR]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_writer_leaves_nothing(tmp_path: Path, interruption: type[BaseException]) -> None:
    with pytest.raises(interruption), whole_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise interruption
    assert files_in(tmp_path) == []


def test_the_file_is_absent_until_the_writer_is_through(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with whole_file(path) as temporary:
        temporary.write_text("all of it")
        assert not path.exists()
        assert temporary.parent == tmp_path
    assert path.read_text() == "all of it"


def test_parent_folders_are_made(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "c.txt", "deep")
    assert (tmp_path / "a" / "b" / "c.txt").read_text() == "deep"


def test_the_temporary_name_keeps_the_suffix(tmp_path: Path) -> None:
    with whole_file(tmp_path / "a.tar.png") as temporary:
        temporary.write_bytes(b"x")
        assert temporary.suffix == ".png"
        assert temporary.name.startswith(".")


def test_the_longest_name_that_a_folder_takes_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".txt")
    write_text(path, "long")
    assert path.read_text() == "long"


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_the_file_has_the_permissions_of_a_plain_open(tmp_path: Path) -> None:
    plain, ours = tmp_path / "plain", tmp_path / "ours"
    plain.write_text("")
    write_text(ours, "")
    assert stat.S_IMODE(ours.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_many_threads_leave_the_umask_alone(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda i: write_text(tmp_path / f"{i}", "x"), range(200)))
        assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o640}
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


def test_several_writers_of_one_file_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: write_json(path, [i] * 1000), range(40)))
    content = json.loads(path.read_text())
    assert len(content) == 1000 and len(set(content)) == 1
    assert files_in(tmp_path) == ["a.json"]


def test_json_keeps_names_in_any_script(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"straße": "道路"})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"straße": "道路"}
    assert "道路" in text and text.endswith("}\n")


def test_json_refuses_what_other_parsers_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"score": float("nan")})
    assert files_in(tmp_path) == []


def replace_again_and_again(parent: Path, times: int) -> None:
    """Replace a folder of two files by others; in each folder the two files say the same."""
    for number in range(times):
        new = parent / f".{os.getpid()}-{number}"
        new.mkdir()
        for name in ("one", "two"):
            (new / name).write_text(str(number))
        replace_folder(parent / "folder", new)


def test_a_folder_that_is_replaced_is_there_at_any_time(tmp_path: Path) -> None:
    replace_again_and_again(tmp_path, 1)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(replace_again_and_again, tmp_path, 300)
        while not writing.done():
            assert (tmp_path / "folder" / "one").read_text().isdigit()
        writing.result()
    assert files_in(tmp_path) == ["folder"]


def test_a_process_that_is_killed_while_it_replaces_a_folder_leaves_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    for delay in (0.0, 0.003, 0.01, 0.03):
        process = multiprocessing.get_context("fork").Process(
            target=replace_again_and_again, args=(tmp_path, 100_000), daemon=True
        )
        process.start()
        while not (tmp_path / "folder").exists():
            time.sleep(0.001)
        time.sleep(delay)
        process.kill()
        process.join()
        assert (tmp_path / "folder" / "one").read_text() == (tmp_path / "folder" / "two").read_text()


def test_where_folders_cannot_change_places_the_old_one_steps_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sceneparse.files._exchange", lambda *_: False)
    replace_again_and_again(tmp_path, 2)
    assert (tmp_path / "folder" / "two").read_text() == "1" and not aside_of(tmp_path / "folder").exists()


def test_a_file_is_held_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert is_held(path) is False
    with path.open("ab") as file:
        assert is_held(path) is False
        assert hold(file) and is_held(path) is True
    assert is_held(path) is False


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_said_with_the_file_what_is_free_and_what_to_do(tmp_path: Path, number: int) -> None:
    path = tmp_path / "deep" / "a.txt"
    with pytest.raises(UserError) as error, whole_file(path):
        raise OSError(number, os.strerror(number))
    assert isinstance(error.value, OSError), "what can do without a file goes on"
    start, _, rest = str(error.value).partition(os.strerror(number))
    way = "raise the limit" if number == errno.EFBIG else "make room"
    assert start == f"{path}: cannot be written (" and re.match(rf"; [\d.]+ [GMK]iB are free there\): {way}", rest)
    assert files_in(path.parent) == []


@pytest.mark.parametrize(
    ("name", "reason"), [("a file/b/c.txt", "Not a directory"), ("a" * 250 + "/" + "b" * 300, "File name too long")]
)
def test_a_name_that_the_system_does_not_take_is_said_in_a_line(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "a file").touch()
    for make in (lambda path: write_text(path, "text"), make_folder):
        with pytest.raises(UnwritableError) as error:
            make(tmp_path / name)
        assert str(error.value) == f"{tmp_path / name}: cannot be written ({reason}); name another place"
        assert isinstance(error.value, UserError) and isinstance(error.value, OSError)


def test_a_folder_in_which_nothing_may_be_written_is_said_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, **_: object) -> None:  # as for anybody but root, whom the system lets write everywhere
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "touch", refused)
    with pytest.raises(UnwritableError, match=r"a\.txt: cannot be written \(Permission denied\); name another place"):
        write_text(tmp_path / "a.txt", "text")


def test_other_errors_of_the_system_stay_what_they_are(tmp_path: Path) -> None:
    for error in (
        PermissionError(errno.EACCES, "on purpose"),
        PermissionError(errno.EACCES, "what is read", "/elsewhere/b.txt"),
        FileNotFoundError(errno.ENOENT, "what is read", str(tmp_path / "b.txt")),
    ):
        with pytest.raises(type(error)) as caught, whole_file(tmp_path / "a.txt"):
            raise error
        assert caught.value is error


def test_sizes_are_said_in_units() -> None:
    assert [sized(count) for count in (12, 2048, 3 << 20, 5 << 29)] == ["12 bytes", "2.0 KiB", "3.0 MiB", "2.5 GiB"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder", "folder: is a folder; name a file in it"),
        ("file/a.json", r"file/a\.json: cannot be written \(Not a directory\); name another file"),
        (f"{'a' * 300}.json", r"a\.json: cannot be written \(File name too long\)"),
    ],
)
def test_a_file_that_could_not_be_written_is_refused_beforehand(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=message):
        refuse_unwritable_file(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("file", "file: is a file; name a folder"),
        ("file/run", r"file/run: cannot be written \(Not a directory\); name another folder"),
        ("a" * 300, r"aaa: cannot be written \(File name too long\); name another folder"),
    ],
)
def test_a_folder_that_could_not_be_written_is_refused_by_its_own_name(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "file").touch()
    refuse_unwritable_folder(tmp_path / "new" / "one", "a.json")
    with pytest.raises(UserError, match=message):
        refuse_unwritable_folder(tmp_path / name, "a.json")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("number", "way"),
    [
        (errno.ENOSPC, "make room, and try again"),
        (errno.EDQUOT, "make room, or have your quota on that disk raised, and try again"),
        (errno.EFBIG, "raise the limit on the size of a file (ulimit -f), and try again"),
    ],
)
def test_a_full_disk_names_the_file_that_was_asked_for_and_which_limit_it_is(
    tmp_path: Path, number: int, way: str
) -> None:
    with temporary_folder(tmp_path / "m.onnx") as folder, temporary_folder(tmp_path / "model") as model:
        places = {folder / "m.onnx": "m.onnx", model / "weights.bin": "model/weights.bin"}
        places |= {temporary_beside(tmp_path / "a.png", ".png"): "a.png", tmp_path / "b.png": "b.png"}
        for place, name in places.items():
            with pytest.raises(NoRoomError) as error, write_errors(place):
                raise OSError(number, "no", str(place))
            assert str(error.value).startswith(f"{tmp_path / name}: cannot be written (no; ")
            assert str(error.value).endswith(f"are free there): {way}")


def test_where_nothing_may_be_written_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "touch", forbidden)
    with pytest.raises(UserError, match=r"a\.json: cannot be written \(Permission denied\)"):
        refuse_unwritable_file(tmp_path / "a.json")


def test_asking_whether_a_file_can_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "there.json").write_text("old")
    for name in ("there.json", "new.json", "new/below/new.json"):
        refuse_unwritable_file(tmp_path / name)
    assert files_in(tmp_path) == ["there.json"] and (tmp_path / "there.json").read_text() == "old"


def test_names_that_are_no_utf_8_come_back_out_of_json(tmp_path: Path) -> None:
    said = {"file": os.fsdecode(b"caf\xe9.jpg"), "é": ["\U0001f600"]}
    write_json(tmp_path / "a.json", said)
    content = (tmp_path / "a.json").read_bytes()
    assert b"caf\\udce9.jpg" in content and "é" in content.decode() and json.loads(content) == said
    assert json_of({"a": [1, "\udcff"]}, separators=(",", ":")) == '{"a":[1,"\\udcff"]}'
