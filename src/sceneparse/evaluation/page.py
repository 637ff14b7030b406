"""The page of reports, diagnoses and comparisons: one HTML file that holds its style and script and fetches nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

STYLE = files("sceneparse.evaluation").joinpath("page.css").read_text(encoding="utf-8")
SCRIPT = files("sceneparse.evaluation").joinpath("page.js").read_text(encoding="utf-8")
"""Both stand in every page. Without the script pictures open as well, and hover titles are the browser's own."""

_VIEW = '<figure class="view"'
_NUMBER = '-#"'
"""Ends a picture's ids until the page counts its pictures; names can't hold it, since they are escaped."""


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Args:
        anchor: Its id, for links.
        title: Plain text.
        body: HTML.
    """

    anchor: str
    title: str
    body: str


def page(title: str, head: str, sections: Sequence[Section], foot: str) -> str:
    """The whole document.

    Args:
        title: Plain text, for the tab and the main heading.
        head: HTML under the main heading.
        sections: They are linked from a list at the top.
        foot: HTML at the end.
    """
    links = "".join(f'<li><a href="#{section.anchor}">{escape(section.title)}</a></li>' for section in sections)
    body = "\n".join(
        f'<section id="{section.anchor}" aria-labelledby="{section.anchor}-title">\n'
        f'<h2 id="{section.anchor}-title">{escape(section.title)}</h2>\n{section.body}\n</section>'
        for section in sections
    )
    whole = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{escape(title)}</h1>\n{head}\n"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n</header>\n'
        f"<main>\n{_with_numbers(body)}\n</main>\n<footer>\n{foot}\n</footer>\n<script>\n{SCRIPT}</script>\n"
        "</body>\n</html>\n"
    )
    # A picture's name that is no UTF-8 has surrogates in Python, which no UTF-8 file takes.
    return whole.encode("utf-8", "backslashreplace").decode()


def _with_numbers(body: str) -> str:
    """Number the pictures of a page, so that each has ids of its own."""
    before, *views = body.split(_VIEW)
    numbered = (one.replace(_NUMBER, f'-{number}"') for number, one in enumerate(views, 1))
    return _VIEW.join((before, *numbered))


def picture(address: str, size: tuple[int, int], caption: str, alt: str, *, sharp: bool = False, over: str = "") -> str:
    """A picture with its caption, which opens large when it is clicked, tapped or chosen by Enter.

    Args:
        address: Where the picture is, which may be a "data:" address that holds it.
        size: Its width and height in pixels.
        caption: Plain text below it.
        alt: What it shows, for those who can't see it; also its caption when it is large.
        sharp: Keep the edges of pixels when it is enlarged, as label maps need it.
        over: HTML that is laid over it.
    """
    width, height = size
    kind = ' class="sharp"' if sharp else ""
    return (
        f'{_VIEW} id="picture{_NUMBER} style="--ratio:{width}/{height}">'
        f'<a class="frame" id="frame{_NUMBER} href="#picture{_NUMBER}><img{kind} src="{address}" width="{width}" '
        f'height="{height}" loading="lazy" alt="{escape(alt)}">{over}</a>'
        f'<a class="shut" href="#frame{_NUMBER} aria-label="Close"></a>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def table(head: str, rows: Sequence[str], *, caption: str, tall: bool = False) -> str:
    """A table that scrolls inside its own box where the screen is too narrow.

    Args:
        head: The cells of the heading row, HTML.
        rows: The cells of each row, HTML.
        caption: What it holds, for screen readers.
        tall: Whether it also scrolls up and down, for very long ones.
    """
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    return scrolling(f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>", caption, tall=tall)


def scrolling(content: str, caption: str, *, tall: bool = False) -> str:
    """What may be wider than the screen, in a box that scrolls sideways and whose edges show that there is more.

    Args:
        content: HTML.
        caption: What it holds, for screen readers.
        tall: Whether it also scrolls up and down, for very long tables.
    """
    kind = "scroll tall" if tall else "scroll"
    return f'<div class="{kind}" tabindex="0" role="region" aria-label="{escape(caption)}">{content}</div>'


def named(name: str, color: Sequence[int] | str) -> str:
    """The name of a class or a run after a small square in its colour, cut short where it is too long for a table.

    Args:
        name: The whole name, which shows where it is cut when it is pointed at, tapped or reached by keys.
        color: RGB 0..255, or as CSS has it.
    """
    shown = color if isinstance(color, str) else f"#{bytes(color).hex()}"
    square = f'<i class="swatch" style="background:{shown}"></i>'
    return f'<span class="named" title="{escape(name)}">{square}<span>{escape(name)}</span></span>'


def percent(value: float | None, digits: int = 2) -> str:
    """A fraction as text, "–" where there is none."""
    return "–" if value is None else f"{100 * value:.{digits}f}%"


def lead(ours: float | None, theirs: float | None) -> str:
    """How far a first model's fraction is above a second one's, in points: "+2.31"; "–" where one has none."""
    return "–" if ours is None or theirs is None else f"{100 * (ours - theirs):+.2f}".replace("-", "−")
