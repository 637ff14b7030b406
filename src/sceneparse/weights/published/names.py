"""Short names of published checkpoints: architecture, backbone and data, and as much more as distinguishes it."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

SIZES = {"T": "tiny", "S": "small", "B": "base", "L": "large", "XL": "xlarge"}

DATA = {
    "Pascal VOC 2012 + Aug": "voc2012",
    "PASCAL VOC 2012 + Aug": "voc2012",
    "PASCAL VOC 2012 (test)": "voc2012",
    "Pascal Context 59": "pascal-context59",
    "COCO-Stuff 10k": "coco-stuff10k",
    "COCO-Stuff 164k": "coco-stuff164k",
    "COCO val2017, VOC labels": "coco-voc21",
    "Broden+": "broden",
}
"""Words for data whose name as it is has blanks or signs."""

ARCHITECTURES = {"pspnet (ppm)": "pspnet", "fcn (c1)": "fcn", "upernet_unified": "unified"}
"""Words for architectures that their owners describe."""

CONVERTED = ("transformers", "smp")
"""Families whose published files were converted from another family's: their hub ids are short enough."""


def short_names(rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the short name of each checkpoint that has one, by the owner's name.

    A short name is the first of these that no other checkpoint has too: architecture-backbone-data; the same with the
    side of the training's crop; with the thousands of iterations as well; or with the family before it all.

    Args:
        rows: Name, family, architecture, backbone and data of each checkpoint.
    """
    forms = {row["name"]: _forms(row) for row in rows if row["family"] not in CONVERTED}
    count = Counter(form for all_of_one in forms.values() for form in set(all_of_one))
    owners = {row["name"] for row in rows}
    return {
        name: unique[0]
        for name, all_of_one in forms.items()
        if (unique := [form for form in all_of_one if count[form] == 1 and form not in owners])
    }


def plain_name(row: Mapping[str, str]) -> str:
    """Return architecture-backbone-data, which several checkpoints may share."""
    architecture = ARCHITECTURES.get(row["architecture"], row["architecture"].replace("+", "-"))
    data = DATA.get(row["data"], re.sub(r"[ _]", "-", row["data"].lower()))
    return f"{architecture}-{_backbone(row)}-{data}"


def _forms(row: Mapping[str, str]) -> list[str]:
    """Return the forms of a short name, the shortest first."""
    plain = plain_name(row)
    forms = [plain]
    if crop := re.findall(r"(?<!\d)(\d+x\d+)", row["name"]):
        forms.append(f"{plain}-{crop[-1]}")
    if schedule := re.search(r"(?<=[_-])(\d+k)(?=[_-])", row["name"]):
        forms.append("-".join([*forms[-1:], schedule[1]]))
    return [*forms, f"{row['family']}-{plain}"]


def _backbone(row: Mapping[str, str]) -> str:
    """Return the backbone in words, such as resnet50, convnext-tiny or resnet101-d16."""
    given = row["backbone"]
    if row["name"].startswith("mae-"):
        return "mae-base"
    # Stride 8 is what nearly all dilated networks have.
    if found := re.fullmatch(r"R-(\d+)(b?)(?:-(D\d+)(-MG124)?)?", given):
        depth, b, stride, grid = found.groups()
        dilated = "" if stride in (None, "D8") else f"-{stride.lower()}"
        return f"resnet{depth}{b}{dilated}{(grid or '').lower()}"
    if found := re.fullmatch(r"(.+)-(T|S|B|L|XL)", given):
        kind = found[1].lower()
        return f"{'twins-svt' if kind == 'svt' else kind}-{SIZES[found[2]]}"
    others = {"M-V2-D8": "mobilenetv2", "S-101-D8": "resnest101", "MobileNetV2dilated": "mobilenetv2"}
    if given in others:
        return others[given]
    given = re.sub(r"^HRNetV2p?-", "hrnet-", re.sub(r"dilated$| \(deep stem\)$", "", given))
    return re.sub(r"[ _]", "-", given.lower())
