"""What an earlier run has left to parse: asked before a network is converted for it, which may take a minute."""

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from sceneparse.parsing.artefacts.choice import picture_artefacts
from sceneparse.parsing.artefacts.file_names import stem_of
from sceneparse.parsing.parser import Parser
from sceneparse.parsing.picture_inputs import Inputs
from sceneparse.parsing.runs.earlier import earlier_in_folder, facts_of_file, made_by
from sceneparse.settings.legend import LegendLayout


def nothing_left(
    parser: Parser,
    inputs: Sequence[str | Path],
    out: Path,
    *,
    overlay: bool = True,
    write: Collection[str] | None = None,
    ignore_below: float | None = None,
    without: AbstractSet[Path] = frozenset(),
    legend: LegendLayout = "auto",
) -> bool:
    """Return whether a run over pictures would find each of them done already.

    Args:
        parser: The model, by whatever engine: none is asked for scores.
        inputs: As `predict_pictures` takes them, like all that follows.
        out: The output folder.
        overlay: Whether overlays are drawn.
        write: The artefacts.
        ignore_below: Under which probability pixels get no class.
        without: Files among them that something else parses.
        legend: Where drawings name their classes.

    Raises:
        UserError: Artefacts that there are not, or the inputs cannot be searched.
    """
    chosen = picture_artefacts(parser.other_tasks, write, overlay=overlay, model=parser.name)
    facts = made_by(parser, ignore_below=ignore_below, legend=legend)
    try:
        return all(
            earlier_in_folder(out, stem_of(one.name), {"picture": facts_of_file(one.path), **facts}, chosen)
            for one in Inputs(inputs, out, without)
        )
    except OSError:  # which is said of the picture when it is its turn
        return False
