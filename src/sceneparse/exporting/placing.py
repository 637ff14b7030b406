"""Put an exported file in its place once it was checked: until then, what was there before stays."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sceneparse.exporting.record import files_of, record_of
from sceneparse.files import write_errors
from sceneparse.unfinished import temporary_folder


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
        with write_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary_folder(path) as folder:
                new = folder / path.name
                yield new
                for file in (*reversed(files_of(new)), record_of(new)):
                    file.replace(path.with_name(file.name))
    finally:
        for parent in made:
            with suppress(OSError):  # what holds something stays
                parent.rmdir()
