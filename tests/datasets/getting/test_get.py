"""Data sets are fetched, gone on with, compared and unpacked; a server on this machine stands for the owners'."""

import hashlib
import io
import json
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from sceneparse.cli import main
from sceneparse.datasets.getting.entry import Download, Entry
from sceneparse.datasets.getting.get import get_dataset
from sceneparse.datasets.getting.unpacking import unpack
from sceneparse.datasets.kinds import KINDS
from sceneparse.downloading import fetch, fetch_from
from sceneparse.errors import UnwritableError, UserError
from tests.support.owner import Owner

CONTENT = np.random.default_rng(0).bytes(3_000_000)
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


def quiet(_done: int, _total: int | None) -> None:
    pass


def fetched(owner: Owner, target: Path, checksum: str | None = MD5) -> bytes:
    fetch(f"{owner.url}/a.bin", target, checksum, quiet, wait=lambda _: None)
    assert not list(target.parent.glob("*.part*"))
    return target.read_bytes()


def test_a_file_arrives_whole_and_its_progress_is_told(owner: Owner, tmp_path: Path) -> None:
    owner.files["a.bin"] = CONTENT
    progress: list[tuple[int, int | None]] = []
    result = fetch(f"{owner.url}/a.bin", tmp_path / "new" / "a.bin", MD5, lambda *so_far: progress.append(so_far))
    assert result.path.read_bytes() == CONTENT and result.compared and result.bytes == len(CONTENT)
    assert result.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert (len(CONTENT), len(CONTENT)) in progress


def test_a_connection_that_breaks_is_gone_on_with(owner: Owner, tmp_path: Path) -> None:
    owner.files["a.bin"], owner.breaks_after = CONTENT, [1_000_000, 500_000]
    assert fetched(owner, tmp_path / "a.bin") == CONTENT
    assert owner.asked == [None, "bytes=1000000-", "bytes=1500000-"]


def test_a_later_run_goes_on_where_an_earlier_one_was_stopped(owner: Owner, tmp_path: Path) -> None:
    owner.files["a.bin"], owner.breaks_after = CONTENT, [2_000_000]

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(f"{owner.url}/a.bin", tmp_path / "a.bin", MD5, quiet, wait=stop)
    assert not (tmp_path / "a.bin").exists() and (tmp_path / "a.bin.part").stat().st_size == 2_000_000
    assert fetched(owner, tmp_path / "a.bin") == CONTENT
    assert owner.asked == [None, "bytes=2000000-"]


def test_another_file_of_the_same_name_is_not_gone_on_with(owner: Owner, tmp_path: Path) -> None:
    owner.files["a.bin"], owner.breaks_after = bytes(3_000_000), [2_000_000]

    def changed(_: float) -> None:
        owner.files["a.bin"], owner.tag = CONTENT, '"two"'

    fetch(f"{owner.url}/a.bin", tmp_path / "a.bin", MD5, quiet, wait=changed)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_longer_file_is_not_gone_on_with_where_versions_have_no_names(owner: Owner, tmp_path: Path) -> None:
    owner.files["a.bin"], owner.breaks_after, owner.tag = bytes(2_500_000), [2_000_000], None

    def changed(_: float) -> None:
        owner.files["a.bin"] = CONTENT

    fetch(f"{owner.url}/a.bin", tmp_path / "a.bin", MD5, quiet, wait=changed)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_server_without_ranges_is_asked_for_all_again(owner: Owner, tmp_path: Path) -> None:
    owner.files["a.bin"], owner.breaks_after, owner.ranges = CONTENT, [1_000_000], False
    assert fetched(owner, tmp_path / "a.bin") == CONTENT


def test_a_part_that_is_whole_already_is_taken(owner: Owner, tmp_path: Path) -> None:
    owner.files["a.bin"] = CONTENT
    (tmp_path / "a.bin.part").write_bytes(CONTENT)
    said = {"url": f"{owner.url}/a.bin", "total": len(CONTENT), "validator": owner.tag}
    (tmp_path / "a.bin.part.json").write_text(json.dumps(said))
    assert fetched(owner, tmp_path / "a.bin") == CONTENT
    assert owner.asked == ["bytes=3000000-"]


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(owner: Owner, tmp_path: Path) -> None:
    owner.files["a.bin"], owner.refusals = CONTENT, [503, 429]
    assert fetched(owner, tmp_path / "a.bin") == CONTENT
    with pytest.raises(UserError, match=r"/b\.bin: the server says 404 .*see its owner's page"):
        fetch(f"{owner.url}/b.bin", tmp_path / "b.bin", None, quiet)
    assert len(owner.asked) == 4


def test_a_server_that_gives_nothing_is_given_up_and_what_came_is_kept(owner: Owner, tmp_path: Path) -> None:
    owner.files["a.bin"], owner.breaks_after = CONTENT, [1_000_000, 0, 0, 0, 0, 0]
    with pytest.raises(UserError, match=r"1,000,000 bytes are kept, and the same command goes on from there"):
        fetched(owner, tmp_path / "a.bin")
    assert (tmp_path / "a.bin.part").stat().st_size == 1_000_000


def test_a_wrong_checksum_is_told_and_the_file_deleted(owner: Owner, tmp_path: Path) -> None:
    owner.files["a.bin"] = CONTENT[:-1] + b"x"
    with pytest.raises(UserError, match=rf"its md5 is \w+, but should be {MD5[4:]}"):
        fetched(owner, tmp_path / "a.bin")
    assert list(tmp_path.iterdir()) == []


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, files: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return path


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_archives_are_unpacked_and_what_is_there_is_kept(pack, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    archive = pack(tmp_path / "archive", {"set/a.txt": b"first", "set/deep/b.txt": b"second"})
    (tmp_path / "out" / "set").mkdir(parents=True)
    (tmp_path / "out" / "set" / "a.txt").write_bytes(b"FIRST")
    assert unpack(archive, tmp_path / "out", quiet).files == 2
    assert (tmp_path / "out" / "set" / "a.txt").read_bytes() == b"FIRST", "of the same size: whole already"
    assert (tmp_path / "out" / "set" / "deep" / "b.txt").read_bytes() == b"second"


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("name", ["../evil.txt", "set/../../evil.txt", "/tmp/evil.txt", "C:\\evil.txt", "..\\evil.txt"])
def test_an_archive_that_leads_out_of_its_folder_is_refused_whole(  # type: ignore[no-untyped-def]
    pack, name: str, tmp_path: Path
) -> None:
    archive = pack(tmp_path / "archive", {"good.txt": b"good", name: b"evil"})
    with pytest.raises(UserError, match="which leads out of the folder; nothing was unpacked"):
        unpack(archive, tmp_path / "out", quiet)
    assert not (tmp_path / "out").exists() and not (tmp_path / "evil.txt").exists()


def test_links_in_archives_are_left_out(tmp_path: Path) -> None:
    archive = tarred(tmp_path / "a.tgz", {"a.txt": b"a"}, {"way": "/etc", "way/passwd": "x"})
    assert unpack(archive, tmp_path / "out", quiet).links == 2
    link = zipfile.ZipInfo("way")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr(link, "/etc")
    assert unpack(tmp_path / "a.zip", tmp_path / "out", quiet).links == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.txt"]


def test_damaged_archives_are_told(tmp_path: Path) -> None:
    whole = tarred(tmp_path / "a.tgz", {"a.bin": CONTENT}).read_bytes()
    for name, content in (("cut.tgz", whole[:100_000]), ("none.zip", b"no archive")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=f"{name}: damaged, or no archive"):
            unpack(tmp_path / name, tmp_path / "out", quiet)


@pytest.mark.parametrize("form", ["gz", "bz2", "xz"])
def test_a_changed_byte_anywhere_in_a_compressed_archive_is_told_and_nothing_is_written(
    form: str, tmp_path: Path
) -> None:
    archive = tmp_path / f"a.tar.{form}"
    with tarfile.open(archive, f"w:{form}") as packed:  # type: ignore[call-overload]
        member = tarfile.TarInfo("a.bin")
        member.size = 50_000
        packed.addfile(member, io.BytesIO(CONTENT[:50_000]))
    whole = archive.read_bytes()
    for position in (1_000, len(whole) // 2, len(whole) - 12_000):
        archive.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(UserError, match="damaged, or no archive that can be unpacked"):
            unpack(archive, tmp_path / "out", quiet)
        assert not (tmp_path / "out").exists()


def test_a_file_in_the_way_of_a_folder_is_told(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"set": b"a file", "set/a.txt": b"in a folder"})
    with pytest.raises(UserError, match=r"a\.zip: cannot be unpacked into .*out \(.*out/set"):
        unpack(archive, tmp_path / "out", quiet)


def entry(owner: Owner, **checksums: str | None) -> Entry:
    downloads = tuple(Download(f"{owner.url}/{name}.zip", checksum, "b") for name, checksum in checksums.items())
    return Entry("A set", "2 pictures", "for all", "http://example.org", ("DIR/b",), "1 kB", downloads)


def test_a_data_set_is_fetched_once_and_written_down(
    owner: Owner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = zipped(tmp_path / "x.zip", {"p/1.txt": b"one", "p/2.txt": b"two"}).read_bytes()
    owner.files = {"x.zip": packed, "y.zip": packed}
    known = entry(owner, x=f"sha1:{hashlib.sha1(packed).hexdigest()}", y=None)
    record = get_dataset("set", known, tmp_path / "set")
    said = capsys.readouterr().err
    assert "for all; http://example.org" in said and "2 files unpacked" in said and "as it should be" in said
    assert f"sha256 {hashlib.sha256(packed).hexdigest()}; no checksum of its owner is known" in " ".join(said.split())
    assert record["x.zip"]["files"] == 2 and record["x.zip"]["compared_with"] and not record["y.zip"]["compared_with"]
    assert json.loads((tmp_path / "set" / "fetched.json").read_text()) == record
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["b", "fetched.json"]
    assert (tmp_path / "set" / "b" / "p" / "2.txt").read_bytes() == b"two"
    assert get_dataset("set", known, tmp_path / "set", progress=False) == record
    assert len(owner.asked) == 2, "what is there is not fetched again"


def test_an_archive_that_cannot_be_fetched_may_be_put_there_by_hand(owner: Owner, tmp_path: Path) -> None:
    archive = tmp_path / "set" / "archives" / "x.zip"
    known = entry(owner, x=None)
    with pytest.raises(UserError) as caught:
        get_dataset("set", known, tmp_path / "set", progress=False)
    assert str(caught.value).endswith(f"; fetched elsewhere, put it there as {archive} and give this command again")
    zipped(archive, {"1.txt": b"one"})
    get_dataset("set", known, tmp_path / "set", progress=False)
    assert (tmp_path / "set" / "b" / "1.txt").read_bytes() == b"one"


def test_what_an_owner_does_not_hand_out_is_answered_with_the_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "get", "cityscapes", "--out", str(tmp_path / "c")]) == 2
    said = capsys.readouterr().err
    assert "licence asks you to register" in said and "https://www.cityscapes-dataset.com/downloads/" in said
    assert not (tmp_path / "c").exists()


def test_the_command_fetches_what_the_kind_says(
    owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    owner.files["x.zip"] = zipped(tmp_path / "x.zip", {"1.txt": b"one"}).read_bytes()
    monkeypatch.setitem(KINDS._loaded, "dtd", replace(KINDS["dtd"], entry=entry(owner, x=None)))
    assert main(["data", "get", "dtd", "--out", str(tmp_path / "d"), "--keep"]) == 0
    assert f"check it: sceneparse data check {tmp_path / 'd'} --kind dtd" in capsys.readouterr().out
    assert (tmp_path / "d" / "archives" / "x.zip").is_file() and (tmp_path / "d" / "b" / "1.txt").is_file()


def test_every_kind_says_how_it_lies_on_disk_and_how_to_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "list", "--json", str(tmp_path / "list.json")]) == 0
    table = capsys.readouterr().out
    facts = json.loads((tmp_path / "list.json").read_text())
    for kind, known in ((name, entry.entry) for name, entry in KINDS.items()):
        assert kind in table and known.tree and known.licence and bool(known.downloads) != bool(known.by_hand)
        assert facts[kind]["tree"] == list(known.tree)
        assert main(["data", "list", kind]) == 0
        assert known.tree[-1] in capsys.readouterr().out
        for download in known.downloads:
            if download.checksum is not None:
                algorithm, _, digest = download.checksum.partition(":")
                assert len(digest) == hashlib.new(algorithm).digest_size * 2


def test_two_processes_do_not_fetch_into_one_folder(owner: Owner, tmp_path: Path) -> None:
    owner.files["x.zip"] = zipped(tmp_path / "x.zip", {"1.txt": b"one"}).read_bytes()
    known, out = entry(owner, x=None), tmp_path / "set"
    out.mkdir()
    with FileLock(out / ".lock"), pytest.raises(UserError, match="set: another process is fetching into it: wait for"):
        get_dataset("set", known, out, progress=False)
    assert not owner.asked
    get_dataset("set", known, out, progress=False)
    assert not (out / ".lock").exists()


def test_a_place_that_cannot_be_written_is_no_lost_connection(owner: Owner, tmp_path: Path) -> None:
    owner.files["a.bin"] = CONTENT
    (tmp_path / "a.bin.part").mkdir()
    waits: list[float] = []
    for fetching in (
        lambda: fetch(f"{owner.url}/a.bin", tmp_path / "a.bin", MD5, quiet, wait=waits.append),
        lambda: fetch_from([f"{owner.url}/a.bin"] * 2, tmp_path / "a.bin", MD5, quiet, wait=waits.append),
    ):
        with pytest.raises(UnwritableError, match=r"a\.bin\.part: cannot be written \(.*\); name another place"):
            fetching()
    assert not waits and len(owner.asked) == 2
