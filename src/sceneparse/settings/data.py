"""Settings of the data: which pictures and labels a recipe trains on."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Annotated, Any, Literal

from sceneparse.arguments import argument
from sceneparse.errors import UserError, require
from sceneparse.settings.choices import Choice
from sceneparse.settings.classes import ClassSettings
from sceneparse.settings.kinds import COMMON, PICTURES, used_by
from sceneparse.settings.ranges import ValueRange, pairs_of
from sceneparse.settings.types import PATH, check_types
from sceneparse.tables import require_known, table
from sceneparse.tasks import TRUTH_NAMES, TruthName


@dataclass(frozen=True)
class ToyWorldSettings:
    """What is drawn of the toy world.

    Args:
        size: Side of a scene in pixels.
        train_count: Number of training scenes.
        eval_count: Number of validation and of test scenes.
    """

    size: int = 256
    train_count: int = 20000
    eval_count: int = 200

    def __post_init__(self) -> None:
        check_types(self, "data.toyworld")
        require(self.size >= 32, f"data.toyworld.size is {self.size}, but must be at least 32")
        require(
            min(self.train_count, self.eval_count) >= 1,
            "data.toyworld.train_count and data.toyworld.eval_count must be at least 1",
        )


@dataclass(frozen=True)
class HuggingFaceSettings:
    """What is read of a dataset of the Hugging Face datasets library.

    Args:
        columns: The columns of the picture and of its mask.
        subset: The configuration's name, where a dataset has several.
    """

    columns: tuple[str, str] = ("image", "annotation")
    subset: str | None = None

    def __post_init__(self) -> None:
        check_types(self, "data.huggingface")


Grids = Literal["equal", "resample", "ignore"]
"""What is done where volumes of a case lie at other positions: refused, resampled, or taken voxel by voxel."""


@dataclass(frozen=True)
class NiftiSettings:
    """How volumes are read.

    Args:
        modalities: What a case's volumes are called ("CASE_t1.nii.gz"), in the order of the channels.
        truth: What a case's volume of labels is called.
        empty_slices: Whether slices in which nothing is (no voxel above zero; of volumes with values below zero, no two
            different ones) are samples too.
        grids: What is done where the affines of a case's volumes put voxels of the same indices at other positions:
            equal refuses such a case, resample brings all onto the first modality's voxels (labels by the nearest,
            others linearly), ignore takes them voxel by voxel.
        windows: For a modality, the values that become black and white, such as {ct: [-160, 240]} in Hounsfield units.
            Others are spread between their volume's 0.5th and 99.5th percentile.
    """

    modalities: tuple[str, ...] = ("t1", "t1ce", "t2", "flair")
    truth: str = "seg"
    empty_slices: bool = True
    grids: Grids = "equal"
    windows: dict[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_types(self, "data.nifti")
        require(
            len(self.modalities) > 0,
            "data.nifti.modalities is empty: name the volumes of a case, such as "
            f"{argument('data.nifti.modalities', ['t1', 't2'])}",
        )
        for name, (low, high) in self.windows.items():
            require(
                name in self.modalities,
                f"data.nifti.windows: no modality '{name}'; there are: {', '.join(self.modalities)}",
            )
            require(low < high, f"data.nifti.windows: '{name}' is from {low:g} to {high:g}: give the lower value first")


@dataclass(frozen=True)
class SourceSettings:
    """One data set of a mixture.

    Args:
        kind: As in `data.kind`.
        root: The data set's folder.
        name: What its samples' names begin with. Null: its kind.
        weight: How often it is drawn, in the unit of the other sources. Null: its number of training samples.
        tasks: What it is used for: any of scene, objects, parts, materials and textures. Null: all that it labels.
        rename: What its classes are called in the mixture: equal names merge, null drops a class.
        keep: For tasks, by name, the classes that are used; others are unknown. Tasks not named: all.
        short: Largest shorter side in pixels, to which larger pictures are scaled down. Null: as they are.
        train: Its training split; null leaves it out.
        val: Its validation split; null leaves it out.
        test: Its test split; null leaves it out.
        options: As in `data.options`.
    """

    kind: Annotated[str, Choice("datasets")] = "folder"
    root: str | None = field(default=None, metadata=PATH)
    name: str | None = None
    weight: float | None = None
    tasks: tuple[TruthName, ...] | None = None
    rename: dict[str, str | None] = field(default_factory=dict)
    keep: dict[str, tuple[str, ...]] = field(default_factory=dict)
    short: int | None = None
    train: str | None = "train"
    val: str | None = "val"
    test: str | None = "test"
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_types(self, "data.sources")
        where = f"data.sources: '{self.name or self.kind}'"
        require_known("datasets", self.kind, f"{where}: kind")
        kind = table("datasets")[self.kind]
        require(not kind.mixes, f"{where} is of kind {self.kind}, but a mixture is made of data sets, not of mixtures")
        require(kind.root != "required" or self.root is not None, f"{where} has no root: name the data set's folder")
        require(kind.root != "none" or self.root is None, f"{where}: root has no effect: kind {self.kind} has none")
        require(self.weight is None or self.weight > 0, f"{where} has weight {self.weight}, but it must be positive")
        for task in self.keep:
            require(task in TRUTH_NAMES, f"{where} keeps classes of '{task}', but tasks are {TRUTH_NAMES}")
        require(self.short is None or self.short >= 1, f"{where} has short {self.short}, but it must be at least 1")
        require(self.tasks is None or len(self.tasks) > 0, f"{where} has no tasks: name some, or null for all")
        require(bool(self.train or self.val or self.test), f"{where} has no split: name one of train, val and test")
        kind.read_options(self.options, f"{where}: options", f"kind {self.kind}")


@dataclass(frozen=True)
class DataSettings:
    """The pictures and their truth.

    What a kind does not use is refused unless it is at its default.

    Args:
        kind: toyworld (built in, needs no file), folder (images, masks and a classes.json), camvid, ade20k (150
            classes), voc2012, pascal_context (59 classes), pascal_context_60 (with the background), cityscapes,
            coco_stuff (171 classes), coco, coco_panoptic, labelme, label_studio, supervisely, darwin and segments (what
            annotation tools export), huggingface (a dataset of the hub or of the datasets library), nifti (volumes,
            slice by slice), geotiff (rasters of any number of bands), ade20k_full (objects, parts and scenes), broden
            (the joint set of Unified Perceptual Parsing), car_parts, dtd (textures), mixture (several of these), or
            one that another package adds. `sceneparse data list` says more.
        root: The data set's folder. Toy world: null. Mixture: the folder that its sources' roots lie in, null for the
            current one.
        sources: Mixture only: a list of data sets, each with kind, root, name, weight, tasks, rename, keep, short,
            train, val, test and options.
        batches: Of a mixture, and of a split annotation: pure (all pictures of a batch come from one source, or are
            labelled for the same task) or mixed (each is drawn for itself).
        train: Split to train on; several joined by "+", such as "train+val". "train[:300]" takes the first 300 samples
            of a split, "train[300:]" the others, "train[::2]" every second; "train[street1_*,street2_*]" takes those
            that are named so, "train[!street1_*]" the others (* stands for anything, ? for one character).
        val: Split for the periodic validation and for choosing the best checkpoint.
        test: Split that `sceneparse evaluate` and the final report use.
        classes: What becomes of the data set's classes: merged, dropped, renamed, coloured; and what mask values mean.
        orientation: Kinds of picture files with mask files: apply (pictures and masks are turned upright as the EXIF or
            TIFF orientation of each says) or ignore (both stay as their pixels are stored, as masks need it that were
            drawn on unturned pixels).
        range: Kinds of picture files: the numbers that are black and white, such as [0, 4095], in pictures of more than
            8 bits, or such a pair for each channel, such as [[0, 4095], [0, 4095], [0, 4095], [0, 10000]]; what lies
            outside is cut off. Null: the whole range of 16 bits; floating-point numbers and 32-bit integers are
            refused. A model remembers it, and reads pictures likewise.
        camera: Kinds of picture files: height and width of the pictures as they were taken, where the data set holds
            pieces of them at the same scale. A model remembers the scale at which it learnt, and parses a larger whole
            picture at that. Null: the pictures are whole.
        toyworld: Toy world only: what is drawn.
        huggingface: Hugging Face only: what is read.
        nifti: NIfTI only: what is read.
        options: Settings of a kind's own, such as of COCO JSON or of a kind that another package adds, as that kind
            declares them: `sceneparse data list KIND` says which.
        annotation: Kinds of several tasks only: full, or split: each training sample keeps its labels for a single
            task, one after the other. Shows what is lost where no picture is labelled for everything.
        cache_mb: Memory for decoded samples, in MiB, over all loader workers. 0 decodes each time. Of packed volumes
            each worker keeps up to 2,048 MiB besides.
        workers: Loader processes. 0 loads in the training process; auto: as many as the machine's cores are good for.
        augment_on: What changes training pictures at random: host (the loader's processes) or device (where the network
            computes, whole batches at once, by the same random numbers; needs a crop, and cannot copy and paste).
    """

    kind: Annotated[str, Choice("datasets")] = "folder"
    root: str | None = field(default=None, metadata=PATH)
    sources: tuple[SourceSettings, ...] = ()
    batches: Literal["pure", "mixed"] = "pure"
    train: str = "train"
    val: str = "val"
    test: str = "test"
    classes: ClassSettings = field(default_factory=ClassSettings)
    orientation: Literal["apply", "ignore"] = "apply"
    range: ValueRange | None = None
    camera: tuple[int, int] | None = None
    toyworld: ToyWorldSettings = field(default_factory=ToyWorldSettings)
    huggingface: HuggingFaceSettings = field(default_factory=HuggingFaceSettings)
    nifti: NiftiSettings = field(default_factory=NiftiSettings)
    options: dict[str, Any] = field(default_factory=dict)
    annotation: Literal["full", "split"] = "full"
    cache_mb: int = 1024
    workers: int | Literal["auto"] = "auto"
    augment_on: Literal["host", "device"] = "host"

    def __post_init__(self) -> None:
        classes: Any = self.classes
        if classes is None or isinstance(classes, str):  # a file alone, as earlier versions took it
            object.__setattr__(self, "classes", ClassSettings(file=classes))
        check_types(self, "data")
        require_known("datasets", self.kind, "data.kind")
        require(
            self.workers == "auto" or self.workers >= 0,
            f"data.workers is {self.workers}, but must be 0 or more, or auto",
        )
        if self.range is not None:
            require(
                bool(self.range),
                f"data.range is empty: give a pair such as {argument('data.range', [0, 4095])}, or null",
            )
            for low, high in pairs_of(self.range):
                require(
                    low < high,
                    f"data.range is [{low:g}, {high:g}], but must be the lower and the higher number, such as "
                    "[0, 4095]",
                )
        require(
            self.camera is None or min(self.camera) >= 1,
            f"data.camera is {list(self.camera or ())}, but must be two positive numbers, height and width, or null",
        )
        require(self.cache_mb >= 0, f"data.cache_mb is {self.cache_mb}, but must be 0 or more")
        changed = [item.name for item in fields(self) if getattr(self, item.name) != _default(item)]
        if self.classes.file is None and "classes" in changed:
            changed.remove("classes")  # every kind's classes can be merged, dropped, renamed and coloured
        # What a kind uses is asked only where something depends on it: its module may take long to import.
        if not set(changed) - set(COMMON):
            return
        used = used_by(self.kind, [source.kind for source in self.sources])
        for name in changed:
            if name not in (*used, "options"):
                raise UserError(
                    f"data.{self._changed_in(name)} has no effect: kind {self.kind} takes {', '.join(used[1:])}"
                    f"{self._in_its_place(name)}"
                )
        kind = table("datasets")[self.kind]
        require(
            self.batches == "pure" or kind.mixes or self.annotation == "split",
            f"data.batches has no effect: kind {self.kind} takes it with data.annotation split alone",
        )
        kind.read_options(self.options, "data.options", f"kind {self.kind}")

    def of_kind(self, kind: str, **changes: Any) -> "DataSettings":
        """These settings for a data set of another kind: what that kind does not use is at its default again.

        So are the options, which are each kind's own.

        Args:
            kind: The other kind.
            **changes: What is to differ, besides.
        """
        used = used_by(kind)
        back = {item.name: _default(item) for item in fields(self) if item.name not in used or item.name == "options"}
        if "classes" in back:
            back["classes"] = self.classes.without_file()
        return replace(self, **{**back, "kind": kind, **changes})

    def _in_its_place(self, name: str) -> str:
        """Why a kind does not use a setting, or what does it in its place, for a message; maybe empty."""
        if name == "classes":
            colors, rename = argument("data.classes.colors"), argument("data.classes.rename")
            return f"; its classes get other colours by {colors}, other names by {rename}"
        if name not in PICTURES:
            return ""
        kind = table("datasets")[self.kind]
        if kind.rasters is not None:
            return "; the values that become black and white are data.options.ranges" if name == "range" else ""
        if kind.volumes is not None:
            return "; the values that become black and white are data.nifti.windows" if name == "range" else ""
        if name == "range" and kind.fixed_labels is not None:
            return "; its pictures are published with 8 bits, whose range is known"
        return ""

    def _changed_in(self, name: str) -> str:
        """The setting that differs, of a group the first one in it."""
        group, usual = getattr(self, name), getattr(DataSettings(), name)
        if name not in ("classes", "toyworld", "huggingface", "nifti"):
            return name
        inside = next(item.name for item in fields(group) if getattr(group, item.name) != getattr(usual, item.name))
        return f"{name}.{inside}"


def data_of_kind(settings: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Settings of data, as a mapping, without those that a kind does not use; see `DataSettings.of_kind`."""
    if set(settings) <= set(COMMON):
        return {**settings, "kind": kind}
    used = used_by(kind, [source.get("kind", "folder") for source in settings.get("sources", ())])
    known = {item.name for item in fields(DataSettings)} - {"classes"}
    settings = dict(settings)
    if "classes" in settings and "classes" not in used:
        settings["classes"] = {name: value for name, value in (settings["classes"] or {}).items() if name != "file"}
    return {name: value for name, value in settings.items() if name in used or name not in known} | {"kind": kind}


def _default(item: Any) -> Any:
    return item.default if item.default is not MISSING else item.default_factory()
