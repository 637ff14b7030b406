"""What the config.json of transformers' UperNet says that no key tells is taken, or refused if it cannot be built."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sceneparse.errors import UserError
from sceneparse.weights.importing.family import Recognition

GELU = ("gelu", "gelu_python")
"""Names of the exact GELU; the others approximate it."""

Refine = Callable[[Recognition, Mapping[str, Any], str], Recognition]


def backbone_config(meta: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the backbone's part of the config.json beside the weights; None where there is none."""
    config = meta.get("config.json")
    backbone = config.get("backbone_config") if isinstance(config, Mapping) else None
    return backbone if isinstance(backbone, Mapping) else None


def refining(wanted: Mapping[str, Sequence[Any]]) -> Refine:
    """Return what takes the grids of the pyramid from config.json, and refuses another backbone than the wanted one.

    Args:
        wanted: By the names of a backbone's fields the values that can be built; those that change no number, or that
            keys and shapes tell, are left out.
    """

    def refine(found: Recognition, meta: Mapping[str, Any], file: str) -> Recognition:  # noqa: ARG001 - the form
        backbone = backbone_config(meta)
        if backbone is not None:
            refuse_others(backbone, wanted)
            if _from_the_stem(taken_stages(backbone)) not in (None, [1, 2, 3, 4]):
                raise UserError(f"its backbone_config takes the stages {taken_stages(backbone)}, but must take 1 to 4")
        return with_grids(found, meta)

    return refine


def refuse_others(backbone: Mapping[str, Any], wanted: Mapping[str, Sequence[Any]]) -> None:
    """Refuse a backbone with a field that has none of the values which can be built; absent ones have their default.

    Raises:
        UserError: There is such a field.
    """
    for name, values in wanted.items():
        if backbone.get(name) is not None and backbone[name] not in values:
            raise UserError(
                f"its backbone_config has {name} {backbone[name]!r}, but only {values[0]!r} can be imported"
            )


def taken_stages(backbone: Mapping[str, Any]) -> list[Any] | None:
    """Return the numbers of the maps that are taken, which a file gives as numbers or as names; None without either."""
    if (given := backbone.get("out_indices")) is not None:
        return list(given) if isinstance(given, list) else [given]
    names, taken = backbone.get("stage_names"), backbone.get("out_features")
    if not isinstance(taken, list):
        return None
    order = names if isinstance(names, list) else ["stem", *(f"stage{number}" for number in range(1, 100))]
    return [order.index(name) if name in order else name for name in taken]


def _from_the_stem(taken: list[Any] | None) -> list[Any] | None:
    """Return the numbers of four stages' maps, of which the stem's is 0 and negative ones count from the last."""
    return taken and [one + 5 if isinstance(one, int) and one < 0 else one for one in taken]


def with_grids(found: Recognition, meta: Mapping[str, Any]) -> Recognition:
    """Return a network with the grids of the pyramid in config.json.

    Raises:
        UserError: They are none of as many whole numbers as the keys have grids.
    """
    config = meta.get("config.json")
    scales = config.get("pool_scales") if isinstance(config, Mapping) else None
    if scales in (None, list(found.network.bins)):
        return found
    count = len(found.network.bins)
    if (
        not isinstance(scales, list)
        or len(scales) != count
        or not all(isinstance(one, int) and one >= 1 for one in scales)
    ):
        raise UserError(f"its config.json has pool_scales {scales!r}, but must have {count} whole numbers from 1")
    why = f"config.json: grids of {', '.join(map(str, scales))}"
    return replace(found, network=replace(found.network, bins=tuple(scales)), why=(*found.why, why))
