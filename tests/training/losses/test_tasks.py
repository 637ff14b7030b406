from dataclasses import fields, replace
from typing import Literal

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sceneparse.labels import IGNORE
from sceneparse.networks import UnifiedOutput, UnifiedUPerNet
from sceneparse.settings import LossSettings
from sceneparse.training.losses.cross_entropy import CrossEntropy
from sceneparse.training.losses.kind import HeadLoss, LossContext
from sceneparse.training.losses.table import LOSSES
from sceneparse.training.losses.targets import TASK_LOSSES, Amounts, Targets
from sceneparse.training.losses.tasks import unified_losses, weighted
from tests.support.unified import TREE, random_map, random_output, unified_model

SIZE = (13, 17)


def random_targets(batch: int = 4, seed: int = 0, unknown: float = 0.3) -> Targets:
    generator = torch.Generator().manual_seed(seed)
    return Targets(
        objects=random_map(generator, (batch, *SIZE), 3, unknown),
        scenes=torch.randint(0, 2, (batch,), generator=generator),
        parts=random_map(generator, (batch, *SIZE), 5, unknown),
        materials=random_map(generator, (batch, *SIZE), 4, unknown),
        textures=random_map(generator, (batch, *SIZE), 2, unknown),
    )


def losses_of(
    output: UnifiedOutput, targets: Targets, settings: LossSettings | None = None, whole: Amounts | None = None
) -> dict[str, Tensor]:
    return unified_losses(
        output,
        targets,
        whole or Amounts.of(targets, None, TREE),
        LossContext(align_corners=False),
        loss=CrossEntropy(),
        tree=TREE,
        part_objects=(settings or LossSettings()).part_objects,
    )


def upsampled(logits: Tensor) -> Tensor:
    return F.interpolate(logits, size=SIZE, mode="bilinear")


def slow_part_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Object by object, pixel by pixel, as the authors' code has it."""
    logits, total, offset = upsampled(logits), torch.zeros(()), 0
    for size in TREE.sizes:
        own, count = torch.zeros(()), 0
        for picture, row, column in torch.ones(target.shape).nonzero().tolist():
            slot = int(target[picture, row, column]) - offset
            if 0 <= slot < size:
                probabilities = logits[picture, offset : offset + size, row, column].softmax(dim=0)
                own, count = own - probabilities[slot].log(), count + 1
        total, offset = total + own / max(1, count), offset + size
    return total


def test_each_tasks_loss_is_the_mean_over_what_is_labelled_for_it() -> None:
    output, targets = random_output(4), random_targets()
    losses = losses_of(output, targets)
    assert set(losses) == set(TASK_LOSSES)
    for name, target in (("object", targets.objects), ("material", targets.materials), ("texture", targets.textures)):
        assert target is not None
        expected = F.cross_entropy(upsampled(getattr(output, name)), target.long(), ignore_index=IGNORE)
        torch.testing.assert_close(losses[name], expected)
    assert output.scene is not None and targets.scenes is not None
    torch.testing.assert_close(losses["scene"], F.cross_entropy(output.scene, targets.scenes))


def test_the_part_loss_is_that_of_the_paper_written_out() -> None:
    output, targets = random_output(2), random_targets(2)
    assert output.part is not None and targets.parts is not None
    expected = slow_part_loss(output.part, targets.parts)
    torch.testing.assert_close(losses_of(output, targets)["part"], expected)
    averaged = losses_of(output, targets, LossSettings(part_objects="mean"))["part"]
    torch.testing.assert_close(averaged, expected / 2)


def test_the_total_is_weighted_as_the_release_does() -> None:
    losses = losses_of(random_output(4), random_targets())
    expected = losses["object"] + 0.5 * losses["part"] + 0.25 * losses["scene"] + losses["material"] + losses["texture"]
    torch.testing.assert_close(weighted(losses, LossSettings()), expected)
    changed = weighted(losses, LossSettings(material_weight=3.0))
    torch.testing.assert_close(changed, expected + 2 * losses["material"])


@pytest.mark.parametrize("kind", LOSSES)
def test_every_loss_can_be_that_of_the_objects_head_and_of_no_other(kind: str) -> None:
    loss, context = LOSSES[kind].build(LossSettings(kind)), LossContext(align_corners=False)

    def losses_by(targets: Targets, loss: HeadLoss) -> dict[str, Tensor]:
        return unified_losses(output, targets, Amounts.of(targets, None, TREE), context, loss=loss, tree=TREE)

    output, targets = random_output(4), random_targets()
    assert output.object is not None
    found, usual = losses_by(targets, loss), losses_by(targets, CrossEntropy())
    torch.testing.assert_close(found["object"], loss(output.object, targets.objects, context))
    assert all(torch.equal(found[name], usual[name]) for name in TASK_LOSSES if name != "object")
    nothing = losses_by(targets._replace(objects=torch.full_like(targets.objects, IGNORE)), loss)["object"]
    assert nothing.item() == 0 and not torch.autograd.grad(nothing, output.object)[0].any()


def test_pixels_outside_of_an_objects_mask_say_nothing_of_its_parts() -> None:
    targets = random_targets()
    assert targets.parts is not None
    parts = torch.where(targets.parts < 3, IGNORE, targets.parts)  # people alone: channels 3 and 4
    output = random_output(4)
    losses_of(output, targets._replace(parts=parts))["part"].backward()
    assert output.part is not None and output.part.grad is not None
    assert torch.equal(output.part.grad[:, :3], torch.zeros_like(output.part.grad[:, :3]))
    assert output.part.grad[:, 3:].any()

    alone = torch.full_like(parts, IGNORE)
    alone[0, :4, :4] = 4
    output = random_output(4)
    losses_of(output, targets._replace(parts=alone))["part"].backward()
    assert output.part is not None and output.part.grad is not None
    assert not output.part.grad[1:].any() and not output.part.grad[0, :, 2:].any()


@pytest.mark.parametrize("task", TASK_LOSSES)
def test_a_batch_without_a_tasks_labels_leaves_its_heads_gradient_exactly_zero(task: str) -> None:
    model = unified_model()
    network = model.network.train()
    assert isinstance(network, UnifiedUPerNet)
    generator = torch.Generator().manual_seed(0)
    targets = random_targets(2)
    field = {"object": "objects", "part": "parts", "scene": "scenes", "material": "materials", "texture": "textures"}
    unlabelled = targets._replace(**{field[task]: torch.full_like(getattr(targets, field[task]), IGNORE)})
    losses = losses_of(network(torch.randn(2, 3, 64, 64, generator=generator)), unlabelled)
    weighted(losses, LossSettings()).backward()
    assert losses[task].item() == 0
    for other in TASK_LOSSES:
        gradients = [weight.grad for weight in getattr(network, f"{other}_head").parameters()]
        assert all(gradient is not None for gradient in gradients)
        moved = any(bool(gradient.any()) for gradient in gradients if gradient is not None)
        assert moved == (other != task)


def test_the_texture_loss_moves_the_texture_head_alone() -> None:
    network = unified_model().network.train()
    losses = losses_of(network(torch.randn(2, 3, 64, 64)), random_targets(2))
    losses["texture"].backward()
    moved = {name.split(".")[0] for name, weight in network.named_parameters() if weight.grad is not None}
    assert moved == {"texture_head"}


def test_a_mixed_batch_is_the_sum_of_its_pure_ones() -> None:
    """Some pictures are labelled for one task only, some for others: nobody's loss is diluted by the others."""
    targets, output = random_targets(), random_output(4)
    nothing = Targets(*(torch.full_like(target, IGNORE) for target in targets if target is not None))
    wholes = {"objects": [0], "parts": [1], "scenes": [2], "materials": [3], "textures": [3]}
    mixed = nothing
    for field, pictures in wholes.items():
        own = getattr(mixed, field).clone()
        own[pictures] = getattr(targets, field)[pictures]
        mixed = mixed._replace(**{field: own})
    total = weighted(losses_of(output, mixed), LossSettings())
    separate = torch.zeros(())
    for field, pictures in wholes.items():
        alone = nothing._replace(**{field: getattr(mixed, field)})
        pieces = Targets(*(target[pictures] for target in alone if target is not None))
        some = UnifiedOutput(*(logits[pictures] for logits in output if logits is not None))
        separate = separate + weighted(losses_of(some, pieces), LossSettings())
    torch.testing.assert_close(total, separate)


@pytest.mark.parametrize("part_objects", ["sum", "mean"])
def test_parts_of_a_batch_add_up_to_the_whole(part_objects: Literal["sum", "mean"]) -> None:
    settings = replace(LossSettings(), part_objects=part_objects)
    output, targets = random_output(4), random_targets()
    whole = Amounts.of(targets, None, TREE)
    expected = losses_of(output, targets, settings)
    total: dict[str, float] = dict.fromkeys(TASK_LOSSES, 0.0)
    for number, piece in enumerate(targets.chunk(4)):
        some = UnifiedOutput(*(logits[number : number + 1] for logits in output if logits is not None))
        for name, loss in losses_of(some, piece, settings, whole).items():
            total[name] += loss.item()
    assert total == pytest.approx({name: loss.item() for name, loss in expected.items()}, rel=1e-5)


def test_loss_weights_have_no_effect_without_several_tasks() -> None:
    names = {field.name for field in fields(LossSettings)}
    assert {f"{name}_weight" for name in TASK_LOSSES} <= names
