"""Which inputs are volumes, and which files make up the channels of one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sceneparse.arguments import argument
from sceneparse.errors import UserError, counted
from sceneparse.parsing.runs.naming import files_matching, unique_name
from sceneparse.paths import expanded
from sceneparse.pictures.cases import called, modalities_of, volume_files
from sceneparse.pictures.finding import is_hidden, walk
from sceneparse.pictures.forms import PICTURE_SUFFIXES
from sceneparse.pictures.volumes import SUFFIXES, Volume
from sceneparse.settings.data import Grids


@dataclass(frozen=True)
class VolumeSource:
    """A volume to be parsed: a file, or a case's folder with a file for each channel.

    Args:
        path: The file or the folder.
        name: Name of its outputs, unique among the sources found together.
    """

    path: Path
    name: str

    @property
    def shown(self) -> str:
        """The path as messages and files have it."""
        return str(self.path)

    def channels(self, modalities: Sequence[str], wanted: int, grids: Grids = "equal") -> tuple[Volume, ...]:
        """The volumes that are its channels.

        Args:
            modalities: What a case's volumes are called, in the order of the channels.
            wanted: How many channels the model takes.
            grids: What to do with volumes that lie at other positions than the first.

        Raises:
            UserError: Damaged or missing volumes, on different grids, or another number of channels.
        """
        if self.path.is_dir():
            return modalities_of(self.path, modalities, grids)
        found = Volume.open_all(self.path)
        if len(found) != wanted:
            has, takes = (f"{count} channel{'s' * (count != 1)}" for count in (len(found), wanted))
            if wanted == 1:
                way = "a volume of three axes"
            else:
                files = (
                    f"with *_{', *_'.join(modalities)}"
                    if modalities
                    else f"and {argument('modalities')} with {wanted} names"
                )
                way = f"the case's folder {files}, or a volume whose fourth axis has {wanted}"
            raise UserError(f"{self.path}: has {has}, but the model takes {takes}: give {way}")
        return found


def split_volumes(inputs: Sequence[str]) -> tuple[list[str], list[str]]:
    """The inputs that are volumes, and the rest.

    These are files that end in .nii or .nii.gz, patterns that do, and folders whose first files, subfolders in order,
    are such ones.
    """
    volumes: list[str] = []
    rest: list[str] = []
    for given in inputs:
        path = expanded(given)
        known = _holds_volumes(path) if path.is_dir() else given.lower().endswith(SUFFIXES)
        (volumes if known else rest).append(given)
    return volumes, rest


def _holds_volumes(folder: Path) -> bool | None:
    """Whether the first folder with pictures or volumes, from this one down, has volumes; None if there is none."""
    try:
        entries = sorted(entry for entry in folder.iterdir() if not is_hidden(entry.name))
    except OSError as error:
        raise UserError(f"{folder}: cannot be searched ({error.strerror})") from None
    if any(entry.name.lower().endswith(SUFFIXES) for entry in entries):
        return True
    if any(entry.suffix.lower() in PICTURE_SUFFIXES for entry in entries):
        return False
    below = (_holds_volumes(entry) for entry in entries if entry.is_dir() and not entry.is_symlink())
    return next((known for known in below if known is not None), None)


def pictures_among(inputs: Sequence[str]) -> list[str]:
    """Say of each folder that is parsed for its volumes how many pictures lie in it, which are not parsed.

    Args:
        inputs: Volumes, as `split_volumes` gives them.
    """
    said = []
    for given in inputs:
        path = expanded(given)
        pictures = [one for one, _ in walk(path)] if path.is_dir() else []
        if pictures:
            first = pictures[0].relative_to(path).as_posix()
            said.append(
                f"left out: {counted(len(pictures), 'picture')} in {given}, which is parsed for its volumes; the first "
                f"is {first}: name pictures by themselves, as {given}/*{pictures[0].suffix}"
            )
    return said


def find_volumes(inputs: Sequence[str | Path], modalities: Sequence[str]) -> list[VolumeSource]:
    """All volumes of the inputs, in the inputs' order; within a folder sorted, its own files before its subfolders.

    A folder that has a file for any of the modalities is a case; of others each file is a volume of its own. A name
    that is taken already gets "-2", "-3", … at its end.

    Args:
        inputs: As `split_volumes` gives them.
        modalities: What a case's volumes are called; empty where every file is a volume of its own.

    Raises:
        UserError: An input that doesn't exist or that holds no volume.
    """
    sources: list[VolumeSource] = []
    taken: set[str] = set()
    for given in inputs:
        found = list(_found(expanded(given), modalities))
        if not found:
            plain = files_matching(Path(given)) is None
            raise UserError(f"{given}: {'no such volume' if plain else 'no volume matches this pattern'}")
        for path in found:
            sources.append(VolumeSource(path, unique_name(_stem(path), taken)))
    return sources


def _found(path: Path, modalities: Sequence[str]) -> Iterator[Path]:
    if path.is_dir():
        files = volume_files(path)
        if any(called(files, name) for name in modalities):
            yield path
        else:
            yield from files
        for folder in sorted(path.iterdir()):
            if folder.is_dir() and not is_hidden(folder.name):
                yield from _found(folder, modalities)
    elif path.is_file():
        yield path
    else:
        yield from files_matching(path) or ()


def _stem(path: Path) -> str:
    """The name of a file without .nii or .nii.gz, or of a folder."""
    suffix = next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), "")
    return path.absolute().name[: -len(suffix) or None]
