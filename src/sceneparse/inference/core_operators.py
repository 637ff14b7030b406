"""Exported graphs in core operators, which converters have rules for, without tracing them once more.

`ExportedProgram.run_decompositions` runs a whole graph again, operation by operation, on pretended tensors of unknown
sizes: it takes as long as the export itself. Nearly all of what it changes in a scene parser are convolutions that
are called by another name. These few operators are replaced here, one by one, in the graph as it stands.
"""

import operator
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch.fx import Graph, GraphModule, Node

aten = torch.ops.aten

ASSERTIONS = (aten._assert_scalar.default, aten._assert_tensor_metadata.default)


def in_core_operators(module: GraphModule, others: Collection[Any]) -> bool:
    """Replace what isn't a core operator, in place, and tell whether that could be done; if not, nothing is changed.

    What asserts that sizes are such as they were promised to be is left out: it computes nothing.

    Args:
        module: What `ExportedProgram.module` returned. Its graph is for reading afterwards, not for running: maps whose
            rows don't follow each other in memory are viewed as if they did, which only eager PyTorch minds.
        others: Operators besides the core ones that its reader takes as they are.
    """
    calls = [node for node in module.graph.nodes if node.op == "call_function"]
    rules = {node: RULES[node.target] for node in calls if node.target in RULES}
    assertions = [node for node in calls if node.target in ASSERTIONS]
    if not all(node in rules or node.target in ASSERTIONS or _stays(node.target, others) for node in calls):
        return False
    # Asked before anything is replaced: what a rule doesn't take must leave the graph whole.
    if not all(rule.takes(_arguments(node)) for node, rule in rules.items()):
        return False
    for node in assertions:
        module.graph.erase_node(node)
    for node, rule in rules.items():
        with module.graph.inserting_before(node):
            new = rule.replace(module.graph, _arguments(node))
        if new.op == "call_function" and "val" not in new.meta:
            new.meta = dict(node.meta)
        node.replace_all_uses_with(new)
        module.graph.erase_node(node)
    module.graph.eliminate_dead_code()
    module.graph.lint()
    return True


def _stays(target: Any, others: Collection[Any]) -> bool:
    """Tell whether an operator is a core one, one of these others, or arithmetic with sizes."""
    if isinstance(target, torch._ops.OpOverload):
        return torch.Tag.core in target.tags or target in others
    return getattr(target, "__module__", None) in (operator.__name__, "_operator", "math", "torch")


def _arguments(node: Node) -> dict[str, Any]:
    """Return an operator's arguments by name, defaults included."""
    schema = node.target._schema.arguments  # type: ignore[union-attr]
    given = dict(zip((one.name for one in schema), node.args, strict=False)) | dict(node.kwargs)
    return {one.name: given.get(one.name, one.default_value if one.has_default_value() else None) for one in schema}


class Rule:
    """What replaces an operator.

    Args:
        replace: Adds the replacement to the graph and returns it, given the arguments by name.
        takes: Whether it is the same for these arguments.
    """

    def __init__(
        self,
        replace: Callable[[Graph, dict[str, Any]], Node],
        takes: Callable[[dict[str, Any]], bool] = lambda _: True,
    ) -> None:
        self.replace = replace
        self.takes = takes


def _pair(value: Any) -> list[Any]:
    return list(value) * 2 if len(value) == 1 else list(value)


def _convolution(graph: Graph, given: dict[str, Any]) -> Node:
    sides = (_pair(given[name]) for name in ("stride", "padding", "dilation"))
    args = (given["input"], given["weight"], given["bias"], *sides, False, [0, 0], given["groups"])
    return graph.call_function(aten.convolution.default, args)


def _flattened(graph: Graph, given: dict[str, Any]) -> Node:
    source: Node = given["self"]
    shape = source.meta["val"].shape
    first, last = (given[name] % len(shape) for name in ("start_dim", "end_dim"))
    sizes: list[Any] = [_size(graph, source, index) for index in range(len(shape)) if not first <= index <= last]
    sizes.insert(first, -1)
    return graph.call_function(aten.view.default, (source, sizes))


def _size(graph: Graph, source: Node, index: int) -> Node | int:
    size = source.meta["val"].shape[index]
    if isinstance(size, int):
        return size
    made = graph.call_function(aten.sym_size.int, (source, index))
    made.meta["val"] = size
    return made


def _transposed(graph: Graph, given: dict[str, Any]) -> Node:
    sides = (_pair(given[name]) for name in ("stride", "padding", "dilation"))
    args = (given["input"], given["weight"], given["bias"], *sides, True, _pair(given["output_padding"]))
    return graph.call_function(aten.convolution.default, (*args, given["groups"]))


def _normalised(graph: Graph, given: dict[str, Any]) -> Node:
    names = ("input", "normalized_shape", "weight", "bias", "eps")
    all_three = graph.call_function(aten.native_layer_norm.default, tuple(given[name] for name in names))
    return graph.call_function(operator.getitem, (all_three, 0))


def _added(graph: Graph, given: dict[str, Any]) -> Node:
    return graph.call_function(aten.add.Tensor, (given["self"], given["other"]), {"alpha": given["alpha"]})


def _is_nobody_elses(given: dict[str, Any]) -> bool:
    """Tell whether what is written to is read by nothing but this operator, and holds its own numbers."""
    source: Node = given["self"]
    return len(source.users) == 1 and source.op == "call_function" and source.target in FRESH


def _pooled(graph: Graph, given: dict[str, Any]) -> Node:
    names = ("self", "kernel_size", "stride", "padding", "dilation", "ceil_mode")
    both = graph.call_function(aten.max_pool2d_with_indices.default, tuple(given[name] for name in names))
    return graph.call_function(operator.getitem, (both, 0))


def _left_out(_: Graph, given: dict[str, Any]) -> Node:
    source: Node = given["input"]
    return source


def _converted(graph: Graph, given: dict[str, Any]) -> Node:
    if given["self"].meta["val"].dtype == given["dtype"]:
        source: Node = given["self"]
        return source
    return graph.call_function(aten._to_copy.default, (given["self"],), {"dtype": given["dtype"]})


FRESH = (aten.conv2d.default, aten.convolution.default, aten.add.Tensor, aten.mul.Tensor, aten.relu.default)
"""Operators whose result is a tensor of its own, no view of another."""

RULES: dict[Any, Rule] = {
    aten.conv2d.default: Rule(_convolution, lambda given: isinstance(given["input"], Node)),
    aten.conv_transpose2d.input: Rule(_transposed, lambda given: isinstance(given["input"], Node)),
    aten.layer_norm.default: Rule(_normalised),
    aten.add_.Tensor: Rule(_added, _is_nobody_elses),
    aten.flatten.using_ints: Rule(_flattened, lambda given: given["self"].meta["val"].ndim > 0),
    aten.reshape.default: Rule(
        lambda graph, given: graph.call_function(aten.view.default, (given["self"], given["shape"]))
    ),
    aten.max_pool2d.default: Rule(_pooled),
    aten.to.dtype: Rule(_converted, lambda given: not given["copy"] and given["memory_format"] is None),
    aten.pad.default: Rule(
        lambda graph, given: graph.call_function(
            aten.constant_pad_nd.default, (given["self"], given["pad"], given["value"] or 0)
        ),
        lambda given: given["mode"] == "constant",
    ),
    aten.feature_dropout.default: Rule(_left_out, lambda given: not given["train"]),
    aten.dropout.default: Rule(_left_out, lambda given: not given["train"]),
    aten.__and__.Tensor: Rule(
        lambda graph, given: graph.call_function(aten.bitwise_and.Tensor, (given["self"], given["other"]))
    ),
}
"""What replaces which operator."""
