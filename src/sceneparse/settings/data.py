"""Settings of the data: which pictures and labels a recipe trains on."""

from dataclasses import dataclass, field
from typing import Literal

from sceneparse.errors import require
from sceneparse.tasks import TRUTH_NAMES, TruthName

DataKind = Literal[
    "toyworld",
    "folder",
    "camvid",
    "ade20k",
    "voc2012",
    "pascal_context",
    "pascal_context_60",
    "cityscapes",
    "coco_stuff",
    "huggingface",
    "nifti",
    "ade20k_full",
    "broden",
    "car_parts",
    "dtd",
]


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
    """

    kind: DataKind = "folder"
    root: str | None = None
    name: str | None = None
    weight: float | None = None
    tasks: tuple[TruthName, ...] | None = None
    rename: dict[str, str | None] = field(default_factory=dict)
    keep: dict[str, tuple[str, ...]] = field(default_factory=dict)
    short: int | None = None
    train: str | None = "train"
    val: str | None = "val"
    test: str | None = "test"

    def __post_init__(self) -> None:
        where = f"data.sources: '{self.name or self.kind}'"
        require(self.kind == "toyworld" or self.root is not None, f"{where} has no root: name the data set's folder")
        require(self.weight is None or self.weight > 0, f"{where} has weight {self.weight}, but it must be positive")
        for task in self.keep:
            require(task in TRUTH_NAMES, f"{where} keeps classes of '{task}', but tasks are {TRUTH_NAMES}")
        require(self.short is None or self.short >= 1, f"{where} has short {self.short}, but it must be at least 1")
        require(self.tasks is None or len(self.tasks) > 0, f"{where} has no tasks: name some, or null for all")
        require(bool(self.train or self.val or self.test), f"{where} has no split: name one of train, val and test")


@dataclass(frozen=True)
class DataSettings:
    """The pictures and their truth.

    Args:
        kind: toyworld (built in, needs no file), folder (images, masks and a classes.json), camvid, ade20k (150
            classes), voc2012, pascal_context (59 classes), pascal_context_60 (with the background), cityscapes,
            coco_stuff (171 classes), huggingface (a dataset of the hub or of the datasets library), nifti (volumes,
            slice by slice), ade20k_full (objects, parts and scenes), broden (the joint set of Unified Perceptual
            Parsing), car_parts, dtd (textures) or mixture (several of these). `sceneparse data list` says more.
        root: The data set's folder. Toy world: null. Mixture: the folder that its sources' roots lie in, null for the
            current one.
        sources: Mixture only: a list of data sets, each with kind, root, name, weight, tasks, rename, keep, short,
            train, val and test.
        batches: Of a mixture, and of a split annotation: pure (all pictures of a batch come from one source, or are
            labelled for the same task) or mixed (each is drawn for itself).
        train: Split to train on; several joined by "+", such as "train+val". "train[:300]" takes the first 300 samples
            of a split, "train[300:]" the others, "train[::2]" every second.
        val: Split for the periodic validation and for choosing the best checkpoint.
        test: Split that `sceneparse evaluate` and the final report use.
        size: Toy world only: side of a scene in pixels.
        train_count: Toy world only: number of training scenes.
        eval_count: Toy world only: number of validation and of test scenes.
        classes: Hugging Face and NIfTI only: a classes.json that says what mask values mean. Null: the one in the
            folder, or else what the dataset says itself (Hugging Face) or BraTS's classes (NIfTI).
        columns: Hugging Face only: the columns of the picture and of its mask.
        subset: Hugging Face only: the configuration's name, where a dataset has several.
        modalities: NIfTI only: what a case's volumes are called ("CASE_t1.nii.gz"), in the order of the channels.
        truth: NIfTI only: what a case's volume of labels is called.
        empty_slices: NIfTI only: whether slices in which no voxel is above zero (no brain) are samples too.
        annotation: full, or split: each training sample keeps its labels for a single task, one after the other. Shows
            what is lost where no picture is labelled for everything.
        cache_mb: Memory for decoded samples, in MiB, over all loader workers. 0 decodes each time.
        workers: Loader processes. 0 loads in the training process.
    """

    kind: Literal[DataKind, "mixture"] = "folder"
    root: str | None = None
    sources: tuple[SourceSettings, ...] = ()
    batches: Literal["pure", "mixed"] = "pure"
    train: str = "train"
    val: str = "val"
    test: str = "test"
    size: int = 256
    train_count: int = 20000
    eval_count: int = 200
    classes: str | None = None
    columns: tuple[str, str] = ("image", "annotation")
    subset: str | None = None
    modalities: tuple[str, ...] = ("t1", "t1ce", "t2", "flair")
    truth: str = "seg"
    empty_slices: bool = True
    annotation: Literal["full", "split"] = "full"
    cache_mb: int = 1024
    workers: int = 1

    def __post_init__(self) -> None:
        require(self.workers >= 0, f"data.workers is {self.workers}, but must be 0 or more")
        require(len(self.modalities) > 0, "data.modalities is empty: name the volumes of a case, such as [t1, t2]")
        require(self.cache_mb >= 0, f"data.cache_mb is {self.cache_mb}, but must be 0 or more")
        require(self.size >= 32, f"data.size is {self.size}, but must be at least 32")
        require(min(self.train_count, self.eval_count) >= 1, "data.train_count and data.eval_count must be at least 1")
