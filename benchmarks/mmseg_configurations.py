"""The text of the configurations that MMSegmentation's published files carry, made of the table of their settings."""

import ast
import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sceneparse.weights.importing.families.mmseg.published import published_rows

HEADS = (("psp", "PSPHead"), ("uper", "UPerHead"), ("deeplabv3", "ASPPHead"), ("aspp", "ASPPHead"), ("fcn", "FCNHead"))
"""What of a name tells the decode head, in this order."""

CLASSES = (
    ("cityscapes", 19),
    ("ade20k", 150),
    ("voc12aug", 21),
    ("pascal-context-59", 59),
    ("pascal-context", 60),
    ("coco-stuff", 171),
    ("loveda", 7),
    ("potsdam", 6),
    ("vaihingen", 6),
    ("isaid", 16),
)
SCALES = (
    ("cityscapes-769", (2049, 1025)),
    ("cityscapes", (2048, 1024)),
    ("640x640", (2560, 640)),
    ("pascal-context", (520, 520)),
    ("loveda", (1024, 1024)),
    ("potsdam", (512, 512)),
    ("vaihingen", (512, 512)),
    ("isaid", (896, 896)),
    ("drive", (584, 565)),
    ("stare", (605, 700)),
    ("chase", (960, 999)),
    ("hrf", (2336, 3504)),
)
"""The sides that test pictures are resized to, by what stands in a name; (2048, 512) else."""


@dataclass(frozen=True)
class Row:
    """A published file, as the table of settings has it.

    Args:
        name: The name of its configuration.
        backbone: MMSegmentation's backbone.
        strides, dilations: Of the backbone's stages; None where it has none.
        align_corners: As in `network.align_corners`.
        head_dilation: Of the FCN's convolutions.
        test: `model.test_cfg`.
        channels: The decode head's width.
    """

    name: str
    backbone: str
    strides: tuple[int, ...] | None
    dilations: tuple[int, ...] | None
    align_corners: bool
    head_dilation: int
    test: dict[str, Any]
    channels: int

    @property
    def head(self) -> str:
        return next(head for word, head in HEADS if word in self.name)

    @property
    def classes(self) -> int:
        return next((count for word, count in CLASSES if word in self.name), 2)

    @property
    def scale(self) -> tuple[int, int]:
        return next((sides for word, sides in SCALES if word in self.name), (2048, 512))

    @property
    def multi_grid(self) -> tuple[int, ...] | None:
        return (1, 2, 4) if "mg124" in self.name else None

    @property
    def file(self) -> str:
        """The name that it was published under."""
        return next(row["file"] for row in published_rows() if row["name"] == self.name)


def read_rows(table: Path) -> list[Row]:
    """The rows of the table of settings, or where it is not there those that the package has."""
    if table.is_file():
        with table.open(encoding="utf-8") as file:
            return [_row(row) for row in csv.DictReader(file)]
    return [_packaged(row) for row in published_rows()]


def _literal(text: str) -> Any:
    return ast.literal_eval(text) if text else None


def _row(row: dict[str, str]) -> Row:
    strides, dilations = _literal(row["strides"]), _literal(row["dilations"])
    dilated = strides is not None and dilations is not None
    return Row(
        name=row["name"],
        # The table has the large SVT as a PCPVT; its configuration inherits from the small SVT's.
        backbone="SVT" if "twins_svt" in row["name"] else row["backbone_type"],
        strides=tuple(strides) if dilated else None,
        dilations=tuple(dilations) if dilated else None,
        align_corners=_literal(row["align_corners"]),
        head_dilation=_literal(row["head_dilation"]) or 1,
        test=_literal(row["test_cfg"]),
        channels=_literal(row["head_channels"]),
    )


def _packaged(row: dict[str, str]) -> Row:
    window = _literal(row["window"])
    slides = {"mode": "slide", "crop_size": window, "stride": _literal(row["step"])}
    channels = sum(int(width) * 15 for width in re.findall(r"fcn_hr(18|48)", row["name"]))
    return Row(
        name=row["name"],
        backbone=row["backbone"],
        strides=_literal(row["strides"]),
        dilations=_literal(row["dilations"]),
        align_corners=_literal(row["align_corners"]),
        head_dilation=_literal(row["head_dilation"]) or 1,
        test=slides if window else {"mode": "whole"},
        channels=channels or 512,
    )


def configuration(row: Row, version: str) -> str:
    """The text of a row's configuration as a version of MMSegmentation writes it into a file.

    Args:
        row: The row.
        version: "0.5" (whose test mode stands beside the model), "0.x" or "1.x".
    """
    mean, std = "[123.675, 116.28, 103.53]", "[58.395, 57.12, 57.375]"
    head = {"type": row.head, "in_index": 3, "channels": row.channels, "dropout_ratio": 0.1}
    head |= {"num_classes": row.classes, "norm_cfg": Name("norm_cfg"), "align_corners": row.align_corners}
    if row.head in ("PSPHead", "UPerHead"):
        head["pool_scales"] = (1, 2, 3, 6)
    if row.head == "ASPPHead":
        head["dilations"] = (1, 6, 12, 18) if row.strides == (1, 2, 2, 1) else (1, 12, 24, 36)
    if row.head_dilation != 1:
        head["dilation"] = row.head_dilation
    model: dict[str, Any] = {"type": "EncoderDecoder", "pretrained": None, "backbone": _backbone(row)}
    model["decode_head"] = head
    if version != "0.5":
        model |= {"train_cfg": {}, "test_cfg": row.test}
    if version == "1.x":
        preprocessor = f"dict(type='SegDataPreProcessor', mean={mean}, std={std}, bgr_to_rgb=True, pad_val=0)"
        model["data_preprocessor"] = Name("data_preprocessor")
        resize = {"type": "Resize", "scale": row.scale, "keep_ratio": True}
        lines = [
            f"data_preprocessor = {preprocessor}",
            f"test_pipeline = [dict(type='LoadImageFromFile'), {_text(resize)}, dict(type='PackSegInputs')]",
            "test_dataloader = dict(batch_size=1, dataset=dict(type='Some', pipeline=test_pipeline))",
        ]
    else:
        lines = [
            f"img_norm_cfg = dict(mean={mean}, std={std}, to_rgb=True)",
            f"test_pipeline = [dict(type='LoadImageFromFile'), dict(type='MultiScaleFlipAug', img_scale={row.scale}, "
            "flip=False, transforms=[dict(type='Resize', keep_ratio=True), dict(type='Normalize', "
            f"mean={mean}, std={std}, to_rgb=True)])]",
            "data = dict(samples_per_gpu=2, test=dict(type='Some', pipeline=test_pipeline))",
            *(["train_cfg = dict()", f"test_cfg = {_text(row.test)}"] if version == "0.5" else []),
        ]
    return "\n".join(["norm_cfg = dict(type='SyncBN', requires_grad=True)", f"model = {_text(model)}", *lines]) + "\n"


def _backbone(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {"type": row.backbone}
    if row.strides is not None:
        found |= {"strides": row.strides, "dilations": row.dilations}
    if row.backbone.startswith("ResNe"):
        found |= {"num_stages": 4, "norm_eval": False, "style": "pytorch", "contract_dilation": True}
    if row.multi_grid is not None:
        found["multi_grid"] = row.multi_grid
    if row.backbone in ("VisionTransformer", "BEiT", "MAE"):
        found["out_indices"] = blocks(row)
        found["final_norm"] = "-ln_" in row.name
        found |= {"num_heads": 16 if "large" in row.name else 6 if "-s16" in row.name else 12}
        found |= {"norm_cfg": {"type": "LN", "eps": 1e-6}, "act_cfg": {"type": "GELU"}, "interpolate_mode": "bicubic"}
    return found


def blocks(row: Row) -> tuple[int, ...]:
    """The blocks of a plain transformer that are taken, counted from 0."""
    if row.backbone == "VisionTransformer":
        return (2, 5, 8, 11)
    return (7, 11, 15, 23) if "large" in row.name else (3, 5, 7, 11)


class Name(str):
    """The name of an earlier variable."""


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return f"dict({', '.join(f'{key}={_text(one)}' for key, one in value.items())})"
    return str(value) if isinstance(value, Name) else repr(value)
