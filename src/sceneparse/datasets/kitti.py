"""KITTI's semantic segmentation (Alhaija et al., IJCV 2018), and exports in its form with classes of their own.

KITTI has 200 pictures with Cityscapes' label ids in 8 bits; those for testing have no public truth. Datumaro's
`kitti_segmentation` has the same folders and a label_colors.txt, whose positions the masks hold: what nobody annotated
has the value 0, as the first class has.
"""

from pathlib import Path

from sceneparse.datasets.cityscapes import CITYSCAPES
from sceneparse.datasets.folder import subfolders, wrong_layout
from sceneparse.datasets.getting.entry import Entry
from sceneparse.datasets.kind import DatasetKind, root_of
from sceneparse.datasets.label_maps import BLACK, read_label_colors
from sceneparse.datasets.layout import Layout, Listings, Note, open_layout, tool_notes
from sceneparse.datasets.matching import SplitFolders
from sceneparse.datasets.unlabelled import BACKGROUND, UnlabelledOptions, with_unlabelled
from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.settings import DataSettings
from sceneparse.settings.kinds import PICTURES

LABEL_COLORS = "label_colors.txt"

LAYOUT = "training/image_2/NAME.png and training/semantic/NAME.png"
"""The expected tree, in one line."""

FORM_LAYOUT = "label_colors.txt, SUBSET/image_2/NAME.png and SUBSET/semantic/NAME.png"
"""The tree of exports in KITTI's form, in one line."""


def kitti_layout(settings: DataSettings) -> Layout:
    """Return what lies on disk of KITTI.

    Raises:
        UserError: Another layout, or an export with classes of its own.
    """
    root = root_of(settings)
    folders = _splits(root)
    if not folders:
        raise wrong_layout(root, LAYOUT)
    if (root / LABEL_COLORS).is_file():
        raise UserError(
            f"{root}: has a {LABEL_COLORS}, so its masks hold classes of its own and not KITTI's: read it as kind "
            "kitti_form"
        )
    note = Note("note", "ignored-ids", "label ids that are no class of Cityscapes' benchmark are ignored")
    splits = Listings(folders)
    notes = tool_notes(note, splits, settings)
    return Layout(root, CITYSCAPES, splits, folders, notes, fixed=True, undivided=True)


def kitti_form_layout(settings: DataSettings) -> Layout:
    """Return what lies on disk of an export in KITTI's form.

    Raises:
        UserError: Another layout, label_colors.txt cannot be read, or what nobody annotated is to be ignored and cannot
            be told from the first class.
    """
    root = root_of(settings)
    folders, file = _splits(root), root / LABEL_COLORS
    if not folders or not file.is_file():
        raise wrong_layout(root, FORM_LAYOUT)
    classes = read_label_colors(file, background=False)
    first = classes[0]
    choice = KIND_FORM.read_options(settings.options, "data.options").unlabelled
    if first.name == BACKGROUND or (first.color == BLACK and len({one.color for one in classes}) == len(classes) > 1):
        labels, note = with_unlabelled(classes, 0, choice, str(file))
    elif choice != "auto":
        raise UserError(
            f"data.options.unlabelled is {choice}, but in this form what nobody annotated has the value 0 of "
            f"'{first.name}': export it as segmentation masks (Datumaro -f voc_segmentation), which keep it apart"
        )
    else:
        labels = LabelSpace(
            tuple(one.name for one in classes),
            tuple(one.color for one in classes if one.color is not None),
            ignore=(255,) if len(classes) <= 255 else (),
        )
        text = (
            f"what nobody annotated has the value 0, as '{first.name}' has, and cannot be told from it: if not every "
            "pixel was annotated, export again as segmentation masks (Datumaro -f voc_segmentation)"
        )
        note = Note("warning", "unannotated-as-first", text)
    splits = Listings(folders)
    notes = tool_notes(note, splits, settings)
    return Layout(root, labels, splits, folders, notes, partly=True, undivided=True, named_in=LABEL_COLORS)


def _splits(root: Path) -> dict[str, SplitFolders]:
    found = {name: (root / name / "image_2", root / name / "semantic") for name in subfolders(root)}
    return {name: SplitFolders(name, *both) for name, both in found.items() if all(one.is_dir() for one in both)}


def recognise_kitti(root: Path) -> str | None:
    """What in a folder speaks for KITTI's semantic segmentation."""
    split = next(iter(_splits(root)), None)
    return None if split is None or (root / LABEL_COLORS).is_file() else f"{split}/image_2/ and {split}/semantic/"


def recognise_kitti_form(root: Path) -> str | None:
    """What in a folder speaks for an export in KITTI's form."""
    split = next(iter(_splits(root)), None)
    return f"{LABEL_COLORS} and {split}/semantic/" if split is not None and (root / LABEL_COLORS).is_file() else None


KIND = DatasetKind(
    open=open_layout(kitti_layout),
    entry=Entry(
        title="KITTI, semantic segmentation",
        contents="200 street scenes with public labels; Cityscapes' 19 classes; training, of which one in five is val",
        licence="CC BY-NC-SA 3.0",
        page="https://www.cvlibs.net/datasets/kitti/eval_semseg.php?benchmark=semantics2015",
        tree=("DIR/training/image_2/000000_10.png", "DIR/training/semantic/000000_10.png"),
        by_hand="its page asks for an e-mail address and sends the link: unpack data_semantics.zip",
        test="mean IoU on the owner's server only",
    ),
    card="KITTI's semantic segmentation (Alhaija et al., 2018): 19 classes of Cityscapes.",
    fixed_labels=lambda: CITYSCAPES,
    uses=PICTURES,
    layout=kitti_layout,
    recognise=recognise_kitti,
)

KIND_FORM = DatasetKind(
    open=open_layout(kitti_form_layout),
    entry=Entry(
        title="Exports in KITTI's form, with classes of their own",
        contents="as many as were drawn; the classes of label_colors.txt; splits as the folders say",
        licence="yours",
        page="https://docs.cvat.ai/docs/dataset_management/formats/format-kitti/",
        tree=("DIR/label_colors.txt", "DIR/SUBSET/image_2/NAME.png", "DIR/SUBSET/semantic/NAME.png"),
        by_hand="these are your own: in Datumaro -f kitti_segmentation --save-media; better take voc_segmentation, "
        "which keeps apart what nobody annotated",
    ),
    card="Pictures annotated with a tool that writes KITTI's form.",
    options=UnlabelledOptions,
    uses=PICTURES,
    layout=kitti_form_layout,
    recognise=recognise_kitti_form,
)
