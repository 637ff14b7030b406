"""Settings as earlier versions wrote them: values that had no effect are left out, since they are refused today.

Before architectures declared what they use, each took every setting of `network:`, and some did nothing with it. Model
folders and run folders of that time hold such values, if only because all defaults were written down. Leaving them out
gives the network that was built then.
"""

from typing import Any

from sceneparse.settings.loss import TASK_OF

UPERNETS = ("upernet", "upernet_concat", "upernet_unified")

IGNORED = {
    "fcn": ("bins", "pool", "reduce", "resampling"),
    "deeplabv3": ("bins", "pool", "reduce"),
    **dict.fromkeys(UPERNETS, ("output_stride", "reduce")),
}
"""The settings of `network:` that an architecture took and did nothing with."""


NEWER = "options"
"""A setting of `network:` that those versions did not know, and today's always write down."""

SOME = {"architecture", "output_stride", "bins", "pool", "reduce", "branch", "stages", "fuse", "resampling"}


def is_earlier_and_whole(settings: dict[str, Any]) -> bool:
    """Whether an earlier version wrote a recipe down with all its defaults, as it does in a run folder.

    What somebody wrote by hand is not changed: a value without effect is refused there.
    """
    network = settings.get("network")
    return isinstance(network, dict) and network.keys() >= SOME and NEWER not in network


def without_ignored(settings: dict[str, Any]) -> dict[str, Any]:
    """Leave out the values that had no effect when they were written.

    Args:
        settings: A recipe or the content of a config.json, as mappings; values of other kinds are left as they are.

    Returns:
        The settings; the mapping itself where nothing had to go.
    """
    network, backbone = settings.get("network"), settings.get("backbone")
    if not isinstance(network, dict) or NEWER in network:
        return settings
    architecture = network.get("architecture", "pspnet")
    ignored = {*IGNORED.get(architecture, ())} if isinstance(architecture, str) else set()
    if architecture == "upernet" and network.get("bins") == []:
        ignored |= {"pool", "branch_channels", "resize_first"}
        ignored |= {"resampling"} if network.get("fuse") is False else set()
    if network.get("branch") == "norm_but_one" and 1 not in (network.get("bins") or [1]):
        ignored |= {"branch"}
    found = {**settings, "network": {name: value for name, value in network.items() if name not in ignored}}
    if isinstance(backbone, dict):
        unused = {"dilation"} if backbone.get("dilation") in ("half", "none") and not _dilated(network) else set()
        # Without an auxiliary head, no network of those versions read stage 3 of a dilated backbone.
        unused |= {"stage3_end"} if network.get("aux") is False else set()
        found["backbone"] = {name: value for name, value in backbone.items() if name not in unused}
    return found


def without_ignored_training(settings: dict[str, Any]) -> dict[str, Any]:
    """Leave out the values of the training's groups that had no effect when a recipe was written down.

    Args:
        settings: A recipe, as mappings; values of other kinds are left as they are.
    """
    groups = ("augmentation", "optimizer", "loss", "network", "backbone")
    if not all(isinstance(settings.get(name), dict) for name in groups):
        return settings
    augmentation, optimizer, loss, network, backbone = (settings[name] for name in groups)
    ignored: dict[str, set[str]] = {"augmentation": set(), "optimizer": set(), "loss": set()}
    # What is off beside what is off is taken today as well, and has to stay what the recipe says.
    if (augmentation.get("short") is not None or augmentation.get("crop") is None) and not _is_one(augmentation):
        ignored["augmentation"] |= {"scale"}
    if augmentation.get("rotate") == 0 != augmentation.get("rotate_probability"):
        ignored["augmentation"] |= {"rotate_probability"}
    elif augmentation.get("rotate_probability") == 0 != augmentation.get("rotate"):
        ignored["augmentation"] |= {"rotate"}
    if backbone.get("in_channels") != 3:
        ignored["augmentation"] |= {"color"}
    if optimizer.get("kind") == "adamw":
        ignored["optimizer"] |= {"momentum"}
    if loss.get("hard_fraction") == 1:
        ignored["loss"] |= {"hard_threshold"}
    if network.get("aux") is False and loss.get("aux_weight") != 0:
        ignored["loss"] |= {"aux_weight"}
    if isinstance(tasks := network.get("tasks"), dict):
        ignored["loss"] |= {name for name, task in TASK_OF.items() if not _has(tasks, task) and loss.get(name) != 0}
    return settings | {
        group: {name: value for name, value in settings[group].items() if name not in names}
        for group, names in ignored.items()
    }


def _is_one(augmentation: dict[str, Any]) -> bool:
    """Whether nothing is scaled."""
    scale = augmentation.get("scale")
    return isinstance(scale, list | tuple) and all(factor == 1 for factor in scale)


def _has(tasks: dict[str, Any], task: str) -> bool:
    return bool(tasks.get(task)) or task in (tasks.get("from_data") or ())


def _dilated(network: dict[str, Any]) -> bool:
    """Whether a stage of the backbone gave up its stride."""
    if network.get("architecture") in UPERNETS:
        return False
    stride, stages = network.get("output_stride", 8), network.get("stages", 4)
    return isinstance(stride, int) and isinstance(stages, int) and stride < 2 ** (stages + 1)
