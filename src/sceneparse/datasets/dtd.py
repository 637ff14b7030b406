"""The Describable Textures Dataset: pictures of one texture each (Cimpoi et al., CVPR 2014)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sceneparse.data.mixture import object_labels
from sceneparse.data.sample import Sample
from sceneparse.datasets.folder import subfolders, wrong_layout
from sceneparse.datasets.getting.entry import Download, Entry
from sceneparse.datasets.kind import DatasetKind, by_root
from sceneparse.errors import MissingSplitError, UserError
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.pictures.finding import walk
from sceneparse.pictures.reading import read_picture

if TYPE_CHECKING:
    from torch import Tensor

LAYOUT = "images/TEXTURE/NAME.jpg with labels/{train1,val1,test1,…}.txt (as published), or {train,val}/TEXTURE/NAME.jpg"
"""The expected trees, in one line."""


class Dtd:
    """Pictures with one texture each, which holds at every pixel (Xiao et al., ECCV 2018, section 3.2); see `DataSet`.

    Args:
        pictures: The pictures' files, each in a folder with its texture's name.
        textures: Names of all textures.
        channels: Channels of the pictures.
    """

    def __init__(self, pictures: list[Path], textures: list[str], channels: int = 3) -> None:
        self.tasks = TaskLabels(textures=LabelSpace(tuple(textures)))
        self._pictures, self._channels = pictures, channels
        self._index = {name: index for index, name in enumerate(textures)}

    @property
    def labels(self) -> LabelSpace:
        """There are no objects.

        Raises:
            UserError: Always.
        """
        return object_labels(self.tasks, "DTD")

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Sample:
        path = self._pictures[index]
        image = read_picture(path, self._channels)
        textures = everywhere(self._index[path.parent.name], image)
        return Sample(image, textures=textures, name=self.name(index), path=str(path))

    def name(self, index: int) -> str:
        """The sample's name, without reading it."""
        path = self._pictures[index]
        return f"{path.parent.name}/{path.stem}"


def open_dtd(root: Path, split: str, channels: int = 3) -> Dtd:
    """Open a split of DTD in either form of `LAYOUT`. As published, "train" means the first of its ten splits, train1.

    Raises:
        UserError: Another layout, no such split, or a list that names pictures that aren't there.
    """
    entries = subfolders(root)
    if "dtd" in entries and (root / "dtd" / "labels").is_dir():  # as the archive is unpacked
        return open_dtd(root / "dtd", split, channels)
    if "images" in entries and (root / "labels").is_dir():
        textures = subfolders(root / "images")
        lists = sorted((root / "labels").glob("*.txt"))
        file = next((path for path in lists if path.stem in (split, f"{split}1")), None)
        if file is None:
            raise MissingSplitError(f"{root}: no split '{split}'; there are: {', '.join(path.stem for path in lists)}")
        pictures = [root / "images" / line.strip() for line in file.read_text("utf-8-sig").splitlines() if line.strip()]
        for picture in pictures:
            if picture.parent.name not in textures:
                raise UserError(f"{file}: names {picture}, but there is no such folder")
        return Dtd(pictures, textures, channels)
    splits = [name for name in entries if subfolders(root / name)]
    if not splits:
        raise wrong_layout(root, LAYOUT)
    if split not in splits:
        raise MissingSplitError(f"{root}: no split '{split}'; there are: {', '.join(splits)}")
    textures = sorted({texture for name in splits for texture in subfolders(root / name)})
    return Dtd([path for path, _ in walk(root / split) if path.parent.name in textures], textures, channels)


def everywhere(index: int, image: Tensor) -> Tensor:
    """A label map that says the same at every pixel of a picture."""
    import torch  # not at the top: reading a recipe must not wait for it

    return torch.full((image.shape[-2], image.shape[-1]), index, dtype=torch.int16)


def recognise_dtd(root: Path) -> str | None:
    """What in a folder speaks for DTD: folders called as some of its textures."""
    folders = [root / name for name in subfolders(root)]
    for folder in (root / "images", root / "dtd" / "images", *folders):
        found = [name for name in ("banded", "dotted", "striped") if (folder / name).is_dir()]
        if found:
            return f"{(folder / found[0]).relative_to(root).as_posix()}/"
    return None


KIND = DatasetKind(
    open=by_root(open_dtd),
    entry=Entry(
        title="DTD, the Describable Textures Dataset",
        contents="5,640 pictures; 47 textures; train1, val1, test1 to train10, val10, test10",
        licence="for research",
        page="https://www.robots.ox.ac.uk/~vgg/data/dtd/",
        size="0.6 GB",
        tree=("DIR/dtd/images/banded/banded_0002.jpg", "DIR/dtd/labels/{train1,val1,test1,…}.txt"),
        downloads=(
            Download(
                "https://www.robots.ox.ac.uk/~vgg/data/dtd/download/dtd-r1.0.1.tar.gz",
                "md5:fff73e5086ae6bdbea199a49dfb8a4c1",
            ),
        ),
    ),
    card="The Describable Textures Dataset (Cimpoi et al., 2014).",
    recognise=recognise_dtd,
)
