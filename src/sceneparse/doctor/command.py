"""`sceneparse data check` as a function: all that is wrong with a data set, printed and kept."""

from dataclasses import replace
from pathlib import Path

from sceneparse.arguments import check_flag, check_number, check_type
from sceneparse.calls import by_name
from sceneparse.datasets.named import Named, named_data
from sceneparse.doctor.check import check
from sceneparse.doctor.findings import Diagnosis, print_diagnosis
from sceneparse.files import behind_link, refuse_unwritable_file, write_json
from sceneparse.paths import expanded
from sceneparse.progress import results_console
from sceneparse.recipes.keywords import in_data


@by_name("check_data", elsewhere=in_data("check_data"))
def check_data(
    data: Named,
    *,
    kind: str | None = None,
    channels: int | None = None,
    json: str | Path | None = None,
    progress: bool = True,
) -> Diagnosis:
    """Read all of a data set, and say what would stop or spoil a training.

        found = sceneparse.check_data("my-data")
        assert found.ok, found.findings

    Args:
        data: The data set's folder, a kind that needs none ("toyworld"), a recipe's name or file, whose data are
            checked, or settings: `DataSettings`, or a recipe that `read_recipe` has read.
        kind: Its kind, as `sceneparse data list` names it, or mixture: what the recipe mixes. Default: what the folder
            looks like.
        channels: Channels of the pictures. Default: those of the recipe; of a data set by itself as many as pictures of
            its kind usually have.
        json: The file that the findings go to. Default: none is written.
        progress: Show a progress bar, what the splits hold, and the findings.

    Returns:
        The findings, errors first, and what the splits hold; `ok` is False where there is an error.

    Raises:
        UserError: No such data set, another layout than its kind's, or a label space that cannot be read: nothing can
            be checked.
    """
    check_type("json", json, (str, Path, type(None)), "a file or None")
    check_flag("progress", progress)
    if channels is not None:
        check_number("channels", channels, least=1, whole=True)
    file = None if json is None else behind_link(expanded(json))
    if file is not None:
        refuse_unwritable_file(file)
    recipe, usual = named_data(data, kind, shown=progress)
    mirrored = recipe.augmentation.mirror > 0
    diagnosis = check(recipe.data, progress=progress, channels=channels or usual, mirrored=mirrored)
    if progress:
        print_diagnosis(diagnosis, results_console())
    if file is None:
        return diagnosis
    write_json(file, diagnosis.to_json())
    return replace(diagnosis, report=file)
