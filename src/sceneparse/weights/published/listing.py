"""What `sceneparse models --published` prints: the published checkpoints in a table, or all that is known of one."""

from collections.abc import Sequence

from sceneparse.errors import UserError
from sceneparse.weights.published.catalogue import File, Published, matching, nearest

CAPTION = """mIoU in %, at one scale / at several, under the owner's protocol:
figures of different data or protocols cannot be compared. A name stands wherever a command takes a MODEL;
one name after --published shows all that is known of it."""


def listed(words: Sequence[str]) -> list[Published]:
    """Return the published checkpoints that match all words, or all if there are no words.

    Raises:
        UserError: There is none.
    """
    found = matching(words)
    if not found:
        near = nearest(" ".join(words))
        hint = f"; near: {', '.join(near)}" if near else ""
        raise UserError(f"no published checkpoint has all of '{' '.join(words)}' in its names or facts{hint}")
    return found


def print_published(found: Sequence[Published]) -> None:
    """Print checkpoints, a line each, or all that is known of a single one."""
    print(describe(found[0]) if len(found) == 1 else table(found))


def table(found: Sequence[Published]) -> str:
    """Return a line a checkpoint under a head, in columns; lines are never broken, so that they can be searched."""
    rows = [("name", "network", "data", "mIoU, one / several", "licence of the weights")]
    rows += [
        (
            one.short or one.name,
            f"{one.architecture} on {one.backbone}",
            one.data,
            f"{_figure(one.miou)} / {_figure(one.miou_multiscale)}",
            (one.licence.partition(" (")[0] or "not stated") + (" (cannot be imported)" if one.refused else ""),
        )
        for one in found
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    terms = {one.data: one.terms for one in found}
    about = [f"data {data}: {line}" for data, line in terms.items()]
    return "\n".join([*lines, "", *about, "", f"{len(found)} published checkpoints; {CAPTION}"])


def describe(one: Published) -> str:
    """Return all that is known of a checkpoint, in lines."""
    figures = f"{_figure(one.miou)} at one scale, {_figure(one.miou_multiscale)} at several ({one.protocol})"
    size = one.bytes
    lines = [
        one.name,
        *([f"  short name    {one.short}"] if one.short else []),
        f"  network       {one.architecture} on {one.backbone}, {one.classes} classes",
        f"  data          {one.data}; its terms: {one.terms}",
        f"  licence       {one.licence or 'not stated'}",
        f"  mean IoU, %   {figures if one.protocol else 'not published'}",
        *([] if size is None else [f"  size          {size:,} bytes"]),
        f"  read as       {one.family}",
        *_files(one),
        f"  kept in       {'the cache of the Hugging Face hub' if one.on_hub else one.folder}",
        f"  source        {one.source}",
        f"  use           {one.refused or f'sceneparse predict {one.short or one.name} photo.jpg --out parsed'}",
    ]
    return "\n".join(lines)


def _files(one: Published) -> list[str]:
    if one.on_hub:
        return [f"  lies in       https://huggingface.co/{one.name}"]
    if one.by_hand:
        return [f"  lies in       {one.files[0].urls[0]}", "                to be fetched by hand, with a browser"]
    lines = []
    for file in one.files:
        first, *mirrors = file.urls
        lines += [f"  lies in       {first}", *(f"  mirror        {url}" for url in mirrors)]
        lines.append(f"  check         {_check(file)}")
    return lines


def _check(file: File) -> str:
    if file.checksum is None:
        return "no checksum is published; later fetches are compared with the first one"
    kind, _, digits = file.checksum.partition(":")
    return f"{kind} begins with {digits}, by its name" if len(digits) < 64 else f"{kind} {digits}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
