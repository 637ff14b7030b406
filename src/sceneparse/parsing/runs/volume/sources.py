"""Which inputs are volumes, and which files make up the channels of one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sceneparse.arguments import argument
from sceneparse.errors import UserError, counted
from sceneparse.parsing.outputs import Outputs
from sceneparse.parsing.runs.naming import files_matching, fixed_folder, short_names
from sceneparse.paths import expanded, meant
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


def split_volumes(inputs: Sequence[str], out: Path | None = None) -> tuple[list[str], list[str]]:
    """The inputs that are volumes, and the rest.

    These are files that end in .nii or .nii.gz, patterns that do, and folders whose first files, subfolders in order,
    are such ones.

    Args:
        inputs: What the user named.
        out: The output folder: what it holds of a folder around it are outputs.
    """
    volumes: list[str] = []
    rest: list[str] = []
    for given in inputs:
        path = expanded(given)
        known = _holds_volumes(path, _outputs(path, out)) if path.is_dir() else given.lower().endswith(SUFFIXES)
        (volumes if known else rest).append(given)
    return volumes, rest


def _outputs(given: Path, out: Path | None) -> Outputs:
    """What is an output where a folder or a pattern is searched: nothing in one that lies below the output folder."""
    inside = out is not None and out.resolve() in _top(given).resolve().parents
    return Outputs(None if inside else out)


def _top(given: Path) -> Path:
    """What is searched of an input: itself, or of a pattern the folders before its first wildcard."""
    return given if given.exists() else fixed_folder(given)


def _holds_volumes(folder: Path, outputs: Outputs) -> bool | None:
    """Whether the first folder with pictures or volumes, from this one down, has volumes; None if there is none."""
    if outputs.covers(folder):
        return None
    try:
        entries = sorted(entry for entry in folder.iterdir() if not is_hidden(entry.name))
    except OSError as error:
        raise UserError(f"{folder}: cannot be searched ({error.strerror})") from None
    if any(entry.name.lower().endswith(SUFFIXES) for entry in entries):
        return True
    if any(entry.suffix.lower() in PICTURE_SUFFIXES for entry in entries):
        return False
    below = (_holds_volumes(entry, outputs) for entry in entries if entry.is_dir() and not entry.is_symlink())
    return next((known for known in below if known is not None), None)


def pictures_among(inputs: Sequence[str], out: Path | None = None) -> list[str]:
    """Say of each folder that is parsed for its volumes how many pictures lie in it, which are not parsed.

    Args:
        inputs: Volumes, as `split_volumes` gives them.
        out: The output folder, whose pictures are a run's own.
    """
    said = []
    for given in inputs:
        path = expanded(given)
        outputs = _outputs(path, out)
        pictures = [one for one, _ in walk(path) if not outputs.holds(one)] if path.is_dir() else []
        if pictures:
            first = pictures[0].relative_to(path).as_posix()
            said.append(
                f"left out: {counted(len(pictures), 'picture')} in {given}, which is parsed for its volumes; the first "
                f"is {first}: name pictures by themselves, as {given}/*{pictures[0].suffix}"
            )
    return said


def find_volumes(
    inputs: Sequence[str | Path], modalities: Sequence[str], out: Path | None = None
) -> list[VolumeSource]:
    """All volumes of the inputs, in the inputs' order; within a folder sorted, its own files before its subfolders.

    A folder that has a file for any of the modalities is a case; of others each file is a volume of its own. Volumes
    are called by their files' names; by their paths below the folder or pattern where several share one ("imaging" in a
    folder for each case). A name that is taken still gets "-2", "-3", … at its end.

    Args:
        inputs: As `split_volumes` gives them.
        modalities: What a case's volumes are called; empty where every file is a volume of its own.
        out: The output folder. What a folder or a pattern around it holds inside it is an output and left out.

    Raises:
        UserError: An input that doesn't exist or that holds no volume.
    """
    paths: list[Path] = []
    below: list[str] = []
    for given in inputs:
        path = expanded(given)
        outputs, top = _outputs(path, out), _top(path)
        found = list(_found(path, modalities, outputs))
        if not found:
            what = "no such volume" if top == path else "no volume matches this pattern"
            inside = any(True for _ in _found(path, modalities, Outputs(None)))
            hint = f", but in the output folder {out}" if inside else meant(given) if top == path else ""
            raise UserError(f"{given}: {what}{hint}")
        paths += found
        below += [_below(one, top) for one in found]
    return [VolumeSource(path, name) for path, name in zip(paths, short_names(below), strict=True)]


def _found(
    path: Path, modalities: Sequence[str], outputs: Outputs, above: frozenset[tuple[int, int]] = frozenset()
) -> Iterator[Path]:
    if path.is_dir():
        status = path.stat()
        identity = (status.st_dev, status.st_ino)
        if outputs.covers(path) or identity in above:  # a symbolic link that leads back up
            return
        files = volume_files(path)
        if any(called(files, name) for name in modalities):
            yield path
        else:
            yield from (one for one in files if not outputs.holds(one))
        for folder in sorted(path.iterdir()):
            if folder.is_dir() and not is_hidden(folder.name):
                yield from _found(folder, modalities, outputs, above | {identity})
    elif path.is_file():
        yield path
    else:
        yield from (one for one in files_matching(path) or () if not outputs.holds(one))


def _below(path: Path, top: Path) -> str:
    """The path of a file without .nii or .nii.gz, or of a case's folder, below the folder that was searched."""
    suffix = next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), "")
    stem = path.absolute().name[: -len(suffix) or None]
    return stem if path == top else (path.relative_to(top).parent / stem).as_posix()
