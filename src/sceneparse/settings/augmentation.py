"""Settings of the augmentation: random changes to training pictures."""

from dataclasses import dataclass, fields

from sceneparse.errors import require
from sceneparse.settings.types import check_types


@dataclass(frozen=True)
class AugmentationSettings:
    """Random changes to the training pictures (PSPNet paper, section 5.1).

    Args:
        crop: Height and width of a training crop. What is missing is padded (picture: mean, mask: ignored).
            Null: whole pictures. With `short` a batch is padded to its largest; without, pictures keep their own size,
            whatever `scale` says, and must all be of one size.
        scale: Range of the random resize factor.
        short: Shorter sides in pixels, one of which is drawn for each picture in place of a factor of `scale` (UPerNet
            paper); null goes by `scale`.
        max_long: With `short`: upper bound of the longer side; null for none.
        ratio_range: With `short`: range of a random factor of the shorter side that was drawn and of `max_long`, as in
            MMSegmentation's RandomResize; [1, 1] takes both as they are.
        cat_max_ratio: Largest share of its labelled pixels that one class may have in a crop: up to ten crops are drawn
            until one keeps to it, then one without a condition (MMSegmentation's RandomCrop). 1 takes the first.
        mirror: Probability of a left-right flip.
        rotate: Largest rotation in degrees, either way.
        rotate_probability: Probability of rotating at all.
        blur_probability: Probability of a Gaussian blur.
        color: Strength of brightness, contrast and saturation changes, 0 to 1; for pictures of three channels.
        photometric: Change colours as SSD and MMSegmentation's PhotoMetricDistortion do, in place of `color`: each with
            probability 0.5 brightness by up to 32 of 255, contrast and saturation by a factor of 0.5 to 1.5, hue by up
            to 36 degrees, and contrast first or last; for pictures of three channels.
        copy_paste: Probability that things of another training sample, augmented likewise, are pasted onto this one
            (Ghiasi et al., CVPR 2021). `sampling.temperature` says how that sample is drawn.
        copy_paste_classes: Names of the objects' classes that are pasted. Empty: the rare ones, which have fewer
            labelled pixels than if all classes of the training split had equally many.
        copy_paste_regions: Paste each connected region of these classes with probability 0.5, as the paper does with
            instances, rather than all of them.
    """

    crop: tuple[int, int] | None = (473, 473)
    scale: tuple[float, float] = (0.5, 2.0)
    short: tuple[int, ...] | None = None
    max_long: int | None = None
    ratio_range: tuple[float, float] = (1.0, 1.0)
    cat_max_ratio: float = 1.0
    mirror: float = 0.5
    rotate: float = 10.0
    rotate_probability: float = 0.5
    blur_probability: float = 0.5
    color: float = 0.0
    photometric: bool = False
    copy_paste: float = 0.0
    copy_paste_classes: tuple[str, ...] = ()
    copy_paste_regions: bool = False

    def __post_init__(self) -> None:
        check_types(self, "augmentation")
        low, high = self.scale
        require(
            0 < low <= high,
            f"augmentation.scale is {list(self.scale)}, but must be two positive numbers, the smaller first",
        )
        require(
            self.crop is None or min(self.crop) >= 1,
            f"augmentation.crop is {list(self.crop or ())}, but must be two positive numbers or null",
        )
        require(
            self.short is None or min(self.short, default=0) >= 1,
            f"augmentation.short is {list(self.short or ())}, but must be positive numbers or null",
        )
        require(
            self.max_long is None or self.max_long >= 1,
            f"augmentation.max_long is {self.max_long}, but must be at least 1 or null",
        )
        require(
            self.max_long is None or self.short is not None,
            "augmentation.max_long has no effect, since augmentation.short is null",
        )
        low, high = self.ratio_range
        require(
            0 < low <= high,
            f"augmentation.ratio_range is {[low, high]}, but must be two positive numbers, the smaller first",
        )
        require(
            0 < self.cat_max_ratio <= 1,
            f"augmentation.cat_max_ratio is {self.cat_max_ratio}, but must be above 0 and at most 1",
        )
        for name in ("mirror", "rotate_probability", "blur_probability", "color", "copy_paste"):
            require(0 <= getattr(self, name) <= 1, f"augmentation.{name} is {getattr(self, name)}, but must be in 0..1")
        require(0 <= self.rotate <= 180, f"augmentation.rotate is {self.rotate}, but must be in 0..180 degrees")
        self._refuse_unused()

    def _refuse_unused(self) -> None:
        """Refuse values without effect; a default has none to refuse, nor has one that says the same as the other."""
        usual = {item.name: item.default for item in fields(self)}
        require(
            self.short is None or self.scale in (usual["scale"], (1.0, 1.0)),
            "augmentation.scale has no effect, since augmentation.short is given: sizes are drawn from that",
        )
        require(
            self.short is not None or self.crop is not None or self.scale in (usual["scale"], (1.0, 1.0)),
            "augmentation.scale has no effect, since augmentation.crop is null: whole pictures keep their own size; "
            "give augmentation.short to resize them",
        )
        require(
            self.short is not None or self.ratio_range == (1.0, 1.0),
            "augmentation.ratio_range has no effect, since augmentation.short is null: give the shorter side that it "
            "is a factor of, or augmentation.scale, a factor of the picture's own size",
        )
        require(
            self.crop is not None or self.cat_max_ratio == 1,
            "augmentation.cat_max_ratio has no effect, since augmentation.crop is null: nothing is cropped",
        )
        require(
            not (self.photometric and self.color > 0),
            f"augmentation.photometric takes the place of augmentation.color, which is {self.color}: set that to 0",
        )
        for name in ("copy_paste_classes", "copy_paste_regions"):
            require(
                self.copy_paste > 0 or not getattr(self, name),
                f"augmentation.{name} has no effect, since augmentation.copy_paste is 0",
            )
        require(
            self.rotate > 0 or self.rotate_probability in (usual["rotate_probability"], 0),
            "augmentation.rotate_probability has no effect, since augmentation.rotate is 0",
        )
        require(
            self.rotate_probability > 0 or self.rotate in (usual["rotate"], 0),
            "augmentation.rotate has no effect, since augmentation.rotate_probability is 0",
        )
