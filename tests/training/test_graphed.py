"""Steps that are recorded and replayed; the CPU plays the part of CUDA, and computes a replay anew."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from sceneparse.errors import UserError
from sceneparse.processes import Processes
from sceneparse.settings import Recipe
from sceneparse.training import graphed, step
from sceneparse.training.graphed import WARM, GraphedGradients, Recording, begin_graph
from sceneparse.training.losses.targets import Amounts, Targets
from sceneparse.training.prepare import Prepared, prepare
from sceneparse.training.recipe_losses import RecipeLosses
from sceneparse.training.step import compute_gradients, graph_of, update_weights

MakeRecipe = Callable[..., Recipe]
STEPS = WARM + 3


class Recorder:
    """Records as CUDA does: what is recorded isn't computed, and a replay leaves its results at the same addresses.

    Args:
        network: The network whose buffers change.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network, self.replays = network, 0

    def __call__(self, compute: Callable[[], Tensor]) -> Recording:
        before, state = [one.clone() for one in self.network.buffers()], torch.get_rng_state()
        found = compute()
        weights = [one for one in self.network.parameters() if one.requires_grad]
        gradients = [one.grad for one in weights]
        torch.set_rng_state(state)
        for buffer, kept in zip(self.network.buffers(), before, strict=True):
            buffer.copy_(kept)

        def replay() -> None:
            self.replays += 1
            for weight in weights:
                weight.grad = None
            found.copy_(compute())
            for weight, gradient in zip(weights, gradients, strict=True):
                if gradient is not None:
                    assert weight.grad is not None
                    gradient.copy_(weight.grad)
                weight.grad = None

        return Recording(replay, found, None)


def trained(recipe: Recipe, *, record: bool) -> tuple[dict[str, Tensor], list[float], int]:
    """Take a few steps; returns the network's state, the losses, and how many of them were replayed."""
    prepared = prepare(recipe, None, "auto")
    weights = None if recipe.loss.class_weights is None else torch.tensor(recipe.loss.class_weights)
    losses = RecipeLosses.prepared(prepared, weights)
    graph, recorder = None, Recorder(prepared.learner.network)
    if record:
        graph = GraphedGradients(
            lambda images, targets: step._gradients(
                prepared, losses, images, targets, Amounts.of(targets, losses.class_weights, None), None
            ),
            list(prepared.learner.network.parameters()),
            recorder,
        )
    batches, steps = prepared.batches(losses.tasks), []
    for iteration in range(STEPS):
        steps.append(compute_gradients(prepared, losses, next(batches), iteration, graph=graph))
        update_weights(prepared, steps[-1])
    # Looked at late, as on a GPU.
    return prepared.learner.network.state_dict(), [one.total for one in steps], recorder.replays


@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer__kind": "adamw", "optimizer__clip": 1.0},
        {"training__accumulate": 2, "loss__class_weights": [1.0, 2.0, 0.5]},
        {"data__augment_on": "device", "loss__kind": "combined"},
    ],
    ids=lambda changes: " ".join(f"{name}={value}" for name, value in changes.items()),
)
def test_replayed_steps_are_the_steps(toy: MakeRecipe, changes: dict[str, object]) -> None:
    recipe = toy(training__iterations=STEPS, **changes)
    state, losses, _ = trained(recipe, record=False)
    again, found, replays = trained(recipe, record=True)
    assert replays == STEPS - WARM
    assert found == losses
    assert all(torch.equal(again[name], value) for name, value in state.items())


@pytest.mark.usefixtures("as_on_a_gpu")
def test_a_loss_that_reads_numbers_back_is_refused(toy: MakeRecipe) -> None:
    with pytest.raises(UserError, match=r"training\.graph: no CUDA graph can hold a step of this training \(aten\."):
        trained(toy(training__iterations=STEPS, loss__kind="lovasz"), record=True)


IMAGES, TARGETS = torch.zeros(1, 3, 4, 4), Targets(torch.zeros(1, 4, 4, dtype=torch.int16))


def not_reached(_: object) -> Recording:
    raise AssertionError


def failing(error: RuntimeError) -> Callable[[object], Recording]:
    def record(_: object) -> Recording:
        raise error

    return record


def test_what_no_graph_can_hold_is_said_before_anything_is_recorded() -> None:
    graph = GraphedGradients(lambda images, _: images.sum() * float(images.nonzero().shape[0]), [], not_reached)
    with pytest.raises(UserError, match=r"training\.graph: no CUDA graph can hold .* \(aten.nonzero waits for"):
        for _ in range(WARM):
            graph(IMAGES, TARGETS)


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (RuntimeError("CUDA error: operation not permitted\nmore"), UserError),
        (torch.OutOfMemoryError("CUDA out of memory"), torch.OutOfMemoryError),
    ],
)
def test_a_recording_that_fails_is_a_refusal_but_no_memory_is_no_memory(
    error: RuntimeError, raised: type[Exception]
) -> None:
    graph = GraphedGradients(lambda images, _: images.sum(), [], failing(error))
    with pytest.raises(raised, match=str(error).splitlines()[0]):
        for _ in range(WARM + 1):
            graph(IMAGES, TARGETS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"augmentation__crop": None}, "training.graph needs an augmentation.crop"),
        ({"training__activation_checkpointing": True}, "which training.graph cannot record"),
    ],
)
def test_settings_that_a_graph_cannot_have_are_refused(
    toy: MakeRecipe, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        toy(training__graph=True, **changes)


def test_without_a_cuda_device_it_is_refused(toy: MakeRecipe) -> None:
    prepared = prepare(toy(training__graph=True), None, "auto")
    with pytest.raises(UserError, match=r"training\.graph needs a CUDA device, but this training is on cpu"):
        graph_of(prepared, RecipeLosses.prepared(prepared, None))


class _On:
    """A device type that is said to be another."""

    type = "cuda"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("world", "is for one process, but there are 2"),
        ("float16", "in place of float16"),
        ("unified", "compute the heads that a batch has labels for"),
    ],
)
def test_trainings_that_cannot_be_recorded_are_refused(
    toy: MakeRecipe, change: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepare(toy(training__graph=True), None, "auto")

    class Changed:
        recipe = prepared.recipe
        learner = prepared.learner

        class compute:  # noqa: N801
            class fabric:  # noqa: N801
                device = _On()

            precision = "float16" if change == "float16" else "float32"
            processes = Processes(0, 2 if change == "world" else 1)

    class Unified:
        learns_tasks = True

    if change == "unified":
        monkeypatch.setattr(graphed, "architecture_of", lambda _: Unified)
    with pytest.raises(UserError, match=message):
        begin_graph(Changed(), lambda *_: torch.zeros(1))  # type: ignore[arg-type]


def test_nothing_is_recorded_unless_it_is_asked_for(toy: MakeRecipe) -> None:
    prepared: Prepared = prepare(toy(), None, "auto")
    assert graph_of(prepared, RecipeLosses.prepared(prepared, None)) is None
