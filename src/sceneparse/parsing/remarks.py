"""What the user of a picture's parse should know of how the picture was read."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from sceneparse.arguments import argument
from sceneparse.pictures.decoding import Decoded
from sceneparse.pictures.further import further_pictures
from sceneparse.pictures.numbers import Numbers
from sceneparse.pictures.reading import range_for
from sceneparse.pictures.spans import DEEP, Span, span_of
from sceneparse.settings.ranges import ValueRange, pairs_of

END = 1 / 8
"""Numbers that all lie in this part of a given range, at one of its ends, are hardly told from each other."""

_MOST = 0.5
"""A picture of which more numbers than this lie above its range is nearly white."""


class Remark(NamedTuple):
    """A sentence on how a picture was read.

    Args:
        about: What it is about: the range of its numbers, pages or frames that are not parsed, the order of its bands,
            an orientation that is not applied.
        text: The sentence, without the picture's name.
    """

    about: Literal["range", "further", "order", "turned"]
    text: str

    @property
    def doubtful(self) -> bool:
        """Whether the parse may be worse for it, or wanting."""
        return self.about != "order"


def remarks_on(decoded: Decoded, largest: int, value_range: ValueRange | None) -> tuple[Remark, ...]:
    """Return what is to be said of a picture that was decoded.

    Args:
        decoded: The file.
        largest: The largest byte of its pixels as they are shown.
        value_range: The numbers that became black and white; None: the whole range of the type.
    """
    found, numbers = [], decoded.numbers
    if numbers is None and decoded.deep_color and (decoded.image.mode != "RGB" or largest <= DEEP * 256):
        numbers = decoded.all_numbers()  # of which Pillow has kept the upper byte
    if numbers is not None:
        given = range_for(decoded, value_range)
        found += _range(span_of(numbers, given), given) + _order(numbers)
    further = further_pictures(decoded.source)
    if further.more:
        found.append(Remark("further", str(further)))
    return tuple(found)


def doubts_of(size: str | None, remarks: Iterable[Remark]) -> dict[str, str]:
    """Return all that speaks against a parse, by what it is about.

    Args:
        size: What is said of the picture's size, as of a `Parse`.
        remarks: What is said of how it was read.
    """
    found = {} if size is None else {"size": size}
    return found | {remark.about: remark.text for remark in remarks if remark.doubtful}


def dark_of_type(highest: float, white: int, *, inverted: bool = False) -> str:
    """Return what is said of a picture that fills a small part of its type's range; empty of any other.

    Args:
        highest: The highest number that is data.
        white: The number that is white.
        inverted: Whether that is black, and 0 white.
    """
    if not 0 < highest <= DEEP * white:
        return ""
    top = (1 << int(highest).bit_length()) - 1
    return (
        f"its numbers reach no more than {highest:,.10g} of {white:,}, so that it is seen nearly {_ends(inverted)[0]}: "
        f"give those that are black and white, such as {range_argument((0, top))}"
    )


def unlit_raster(
    extremes: tuple[int, int] | None, ranges: Iterable[tuple[float, float]], given: str, *, inverted: bool = False
) -> str:
    """Return why a network sees hardly anything of a raster by the ranges that were given; empty where it does.

    Args:
        extremes: The darkest and the brightest byte of what is data; None of bands of bytes.
        ranges: The values that became black and white.
        given: How a message names the argument that gives others.
        inverted: Whether the lowest value is white.
    """
    shown = ", ".join(f"{low:g} to {high:g}" for low, high in dict.fromkeys(ranges))
    where = None if extremes is None else _end_filled((extremes[0] / 255, extremes[1] / 255))
    if not shown or where is None:
        return ""
    return (
        f"all values lie in the {where} eighth of the range {shown} (as given, or as in training), so the model saw it "
        f"nearly {_ends(inverted)[where == 'highest']}; if its numbers are others, give the values that become "
        f"black and white ({given})"
    )


def _ends(inverted: bool) -> tuple[str, str]:
    """What the lowest and the highest number are seen as."""
    return ("white", "black") if inverted else ("black", "white")


def unturned() -> Remark:
    """What is said of a picture that is not turned as its file says, since the model learnt from such."""
    return Remark(
        "turned",
        "its EXIF or TIFF orientation is not applied, as in training (data.orientation ignore): it is parsed as its "
        "pixels are stored, and its labels lie on these",
    )


def other_range() -> str:
    """How a message asks for another range of a `Parser`'s pictures."""
    return argument("with_ranges([(LOW, HIGH)])", option="--range LOW HIGH")


def range_argument(pair: tuple[float, float]) -> str:
    """How a message names a range to be given."""
    low, high = (f"{value:.10g}" for value in pair)
    return argument(f"with_ranges([({low}, {high})])", option=f"--range {low} {high}")


def _end_filled(shares: tuple[float, float]) -> Literal["lowest", "highest"] | None:
    """Return the end of a range at which all numbers lie, by where the lowest and the highest do (0..1)."""
    if shares[1] <= END:
        return "lowest"
    return "highest" if shares[0] >= 1 - END else None


def _range(span: Span | None, value_range: ValueRange | None) -> list[Remark]:
    if span is None:
        return []
    dark, light = _ends(span.inverted)
    if value_range is None:
        text = dark_of_type(span.highest, span.white, inverted=span.inverted)
        return [Remark("range", text)] if text else []
    shown = " and ".join(f"{low:,.10g} to {high:,.10g}" for low, high in dict.fromkeys(pairs_of(value_range)))
    numbers = f"its numbers, {span.lowest:,.10g} to {span.highest:,.10g},"
    if where := _end_filled(span.shares):
        seen = dark if where == "lowest" else light
        what = f"{numbers} all lie in the {where} eighth of the range {shown}, or beyond it,"
    elif span.beyond > _MOST:
        seen = light
        what = f"{span.beyond:.0%} of {numbers} lie above the range {shown}"
    else:
        return []
    return [
        Remark(
            "range",
            f"{what} (as given, or as in training), so that it is seen nearly {seen}: if others are black and white, "
            f"give them ({other_range()})",
        )
    ]


def _order(numbers: Numbers) -> list[Remark]:
    return [Remark("order", order_text(numbers.order))] if numbers.order else []


def order_text(bands: tuple[int, ...]) -> str:
    """Return what is said where a file's own order of its bands is not that of the channels."""
    listed = ", ".join(map(str, bands))
    return f"bands {listed} are the channels, red, green and blue first, as the file names them"
