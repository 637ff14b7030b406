"""Put an exported file in its place once it was checked: until then, what was there before stays."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from sceneparse.errors import UserError
from sceneparse.exporting.record import files_of, record_of
from sceneparse.files import room_named


def refuse_unwritable(path: Path) -> None:
    """Refuse a file that cannot be put there, before anything is made for it.

    Raises:
        UserError: A folder has that name, or a file the name of a folder around it.
    """
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a file")
    around = next(parent for parent in path.absolute().parents if parent.exists())
    if not around.is_dir():
        raise UserError(f"{path}: {around} is a file, so nothing can be written in it; name another file")


@contextmanager
def placed(path: Path) -> Iterator[Path]:
    """Yield a path in a folder beside the target; on a clean exit, what was written there takes the target's place.

    The files that belong to one go with it: OpenVINO's weights before the file, the record behind it. On any other exit
    all that was written is gone, and so are the folders that were made for it.

    Args:
        path: Where the file belongs.

    Raises:
        NoRoomError: There is no room for it.
    """
    made = [parent for parent in path.absolute().parents if not parent.exists()]
    try:
        with room_named(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(prefix=f".{path.stem[:50]}.", suffix=".tmp", dir=path.parent) as folder:
                new = Path(folder, path.name)
                yield new
                for file in (*reversed(files_of(new)), record_of(new)):
                    file.replace(path.with_name(file.name))
    finally:
        for parent in made:
            with suppress(OSError):  # what holds something stays
                parent.rmdir()
