"""The report's page: one HTML file with its style inside, no script and nothing to fetch."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
:root {
  color-scheme: light dark;
  --back: #f6f7f9; --panel: #ffffff; --line: #dfe3e8; --text: #1b2128; --muted: #5b6672; --track: #e9ecf0;
  --ours: #1f66d1; --second: #c2660a; --good: #1f66d1; --bad: #cf1446; --on-strong: #ffffff; --shadow: #0000000f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #101418; --panel: #191f26; --line: #2e3740; --text: #e6eaee; --muted: #9ba7b3; --track: #28303a;
    --ours: #6ea8ff; --second: #f0a04b; --good: #5b96f0; --bad: #ff5c84; --on-strong: #0c1014; --shadow: #0000;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0; background: var(--back); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif;
}
main, header, footer { max-width: 1120px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 36px; }
h1 { font-size: clamp(1.6rem, 4vw, 2.3rem); line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 1.35rem; margin: 0 0 4px; }
h3 { font-size: 1.05rem; margin: 24px 0 8px; }
p { margin: 0 0 12px; max-width: 75ch; overflow-wrap: anywhere; }
.muted { color: var(--muted); }
code { font: .92em ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
  background: var(--track); padding: .1em .35em; border-radius: 4px; overflow-wrap: anywhere; }
a { color: var(--ours); }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 18px 0 0; padding: 0;
  font-size: .95rem; }
nav a { text-decoration: none; }
nav a:hover { text-decoration: underline; }
section { background: var(--panel); border: 1px solid var(--line); border-radius: 12px; padding: 24px;
  margin: 20px 0; box-shadow: 0 1px 3px var(--shadow); }
footer { color: var(--muted); font-size: .9rem; padding-bottom: 40px; }

.tiles { display: grid; grid-template-columns: 1.5fr repeat(3, 1fr); gap: 12px; margin: 24px 0 12px; }
.tile { background: var(--panel); border: 1px solid var(--line); border-radius: 12px; padding: 14px 18px; min-width: 0;
  box-shadow: 0 1px 3px var(--shadow); }
.tile b { display: block; font-size: 1.7rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile.main b { font-size: clamp(2.6rem, 6vw, 3.6rem); line-height: 1.1; color: var(--ours); }
.tile span { display: block; font-size: .88rem; color: var(--muted); overflow-wrap: anywhere; }
.tile .other { color: var(--second); }
dl.facts { display: grid; grid-template-columns: fit-content(40%) 1fr; gap: 2px 16px; margin: 16px 0 0;
  font-size: .95rem; }
dl.facts dt { color: var(--muted); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }

.scroll { overflow-x: auto; margin: 12px 0 0; position: relative; }
.scroll.tall { max-height: min(80vh, 1200px); overflow-y: auto; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; }
th { text-align: left; font-weight: 600; color: var(--muted); font-size: .85rem; white-space: nowrap; }
th, td { padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); vertical-align: middle; }
thead th { position: sticky; top: 0; background: var(--panel); z-index: 1; vertical-align: bottom; }
tbody th { color: var(--text); font-weight: 500; font-size: inherit; }
tr > :first-child { position: sticky; left: 0; background: var(--panel); z-index: 2; }
tbody tr:last-child > * { border-bottom: 0; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap;
  padding: 5px 0 5px 16px; }
td.wide { width: 42%; min-width: 110px; }
.ours { color: var(--ours); } .other { color: var(--second); }
i.swatch { display: inline-block; flex: none; width: 12px; height: 12px; border-radius: 3px; margin-right: 8px;
  vertical-align: -1px; box-shadow: inset 0 0 0 1px #8886; }
.named { display: inline-flex; align-items: baseline; white-space: nowrap; max-width: 17em; }
.named span { overflow: hidden; text-overflow: ellipsis; }

svg.bar { display: block; width: 100%; }
.track { fill: var(--track); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); gap: 28px;
  margin-top: 12px; }
figure { margin: 0; min-width: 0; }
.chart figcaption { font-weight: 600; margin-bottom: 14px; }
svg.plot { display: block; overflow: visible; height: 220px; width: calc(100% - 64px); margin: 0 16px 24px 48px; }
.plot .grid { stroke: var(--line); stroke-width: 1; }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.curve.faint { stroke-width: 1; opacity: .4; }
.tick { font-size: 12px; fill: var(--muted); font-variant-numeric: tabular-nums; }
.end { text-anchor: end; } .middle { text-anchor: middle; }
.axis { text-align: center; max-width: none; font-size: .85rem; color: var(--muted); margin: 0 0 4px; }
ul.keys { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 14px; padding: 0; margin: 8px 0 0;
  font-size: .88rem; }
.keys li { display: flex; align-items: center; min-width: 0; overflow-wrap: anywhere; }
.keys i { flex: none; width: 12px; height: 12px; border-radius: 3px; margin-right: 6px;
  box-shadow: inset 0 0 0 1px #8886; }
.keys i.faint { opacity: .4; }
svg.matrix { display: block; }
.matrix .name { font-size: 12px; fill: var(--text); }
.matrix .cell { font-size: 12px; fill: var(--text); text-anchor: middle; pointer-events: none; }
.matrix .cell.strong { fill: var(--on-strong); }
ol.words { padding: 0; margin: 8px 0 0; columns: 2 320px; column-gap: 32px; }
ol.words .muted { white-space: nowrap; }
ol.words li { break-inside: avoid; margin-left: 1.8em; padding: 2px 0; overflow-wrap: anywhere; }

.card { border-top: 1px solid var(--line); padding: 18px 0 14px; break-inside: avoid; }
.card > .line { display: flex; flex-wrap: wrap; gap: 0 16px; align-items: baseline; margin: 0 0 8px; max-width: none; }
.card .line b { overflow-wrap: anywhere; }
.views { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 10px; }
.views figcaption { font-size: .85rem; color: var(--muted); margin-top: 3px; }
.views .frame { position: relative; overflow: hidden; border-radius: 6px; }
.views img { display: block; width: 100%; height: auto; background: var(--track); }
.views img.labels { image-rendering: pixelated; }
.views .mark { position: absolute; border: 2px dashed #fff; border-radius: 4px;
  box-shadow: inset 0 0 0 1px #000a, 0 0 0 1px #000a; }

@media (max-width: 640px) {
  main, header, footer { padding-left: 14px; padding-right: 14px; }
  header { padding-top: 22px; }
  section { padding: 18px 14px; border-radius: 10px; }
  .tiles { grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 8px; }
  .tile { padding: 10px 12px; }
  .tile b { font-size: 1.3rem; }
  .tile.main { grid-column: 1 / -1; }
  .named { max-width: 8.5em; }
  .views { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  th, td { padding-right: 8px; }
}
@media print { section, .tile { box-shadow: none; } }
"""


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
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{escape(title)}</h1>\n{head}\n"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n</header>\n'
        f"<main>\n{body}\n</main>\n<footer>\n{foot}\n</footer>\n</body>\n</html>\n"
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
    return (
        f'<div class="scroll{" tall" if tall else ""}" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>"
    )


def named(name: str, color: Sequence[int]) -> str:
    """A class's name after a small square in its colour, cut short where it is too long for a table."""
    square = f'<i class="swatch" style="background:#{bytes(color).hex()}"></i>'
    return f'<span class="named" title="{escape(name)}">{square}<span>{escape(name)}</span></span>'


def percent(value: float | None, digits: int = 2) -> str:
    """A fraction as text, "–" where there is none."""
    return "–" if value is None else f"{100 * value:.{digits}f}%"


def lead(ours: float | None, theirs: float | None) -> str:
    """How far a first model's fraction is above a second one's, in points: "+2.31"; "–" where one has none."""
    return "–" if ours is None or theirs is None else f"{100 * (ours - theirs):+.2f}".replace("-", "−")
