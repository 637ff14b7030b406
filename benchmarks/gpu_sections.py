"""What `gpu.py` promises of single operations and of labels."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

import agreement
import loss as losses
from agreement import Subject
from gpu_given import Given
from gpu_report import Promise
from sceneparse.inference.engine import TorchEngine
from sceneparse.networks import resize
from sceneparse.networks.exact.argmax import upsampled_labels

STEPS = 25
"""Of a training whose weights are compared."""


def of_labels(given: Given) -> Iterator[Promise]:
    """Upsampling and argmax."""
    batch, classes, small, large = (2, 12, 8, 64) if given.quick else (16, 150, 60, 473)
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(batch, classes, 6, 6, generator=generator)
    logits = 4 * resize(coarse, (small, small), False) + torch.randn(batch, classes, small, small, generator=generator)
    logits = logits.to(given.device, torch.bfloat16).contiguous(memory_format=torch.channels_last)
    size = (large, large)
    forms: dict[str, Callable[[], Tensor]] = {
        "sceneparse": lambda: upsampled_labels(logits, size, False),
        "interpolate + argmax": lambda: resize(logits, size, False).argmax(dim=1),
    }
    times = given.turns(dict(forms))
    ours, theirs = times.values()
    yield Promise("labels", "times as fast as interpolate + argmax", theirs / ours, 5, rows=times, unit="ms")
    if given.on_gpu:
        own, other = (given.peak(form) for form in forms.values())
        rows = dict(zip(forms, (own / 2**20, other / 2**20), strict=True))
        yield Promise("labels", "of its memory", own / other, 0.1, at_most=True, rows=rows, unit="MiB")
    exact = resize(logits.float(), size, False).argmax(dim=1)
    yield Promise("labels", "equal to float32's", float((forms["sceneparse"]() == exact).float().mean()), 0.9999)


def of_loss(given: Given) -> Iterator[Promise]:
    """Upsampling and cross-entropy."""
    shape = (12, 2, (8, 8), (64, 64)) if given.quick else (150, 16, (60, 60), (473, 473))
    case = losses.Case(*shape, "bfloat16", str(given.device))
    found = losses.measured(case, "cross_entropy", given.repeats, memory=given.on_gpu)
    names = {"sceneparse": "banded", "interpolate + cross_entropy": "plain"}
    rows = {row: found[f"{name}_ms"] for row, name in names.items()}
    yield Promise("loss", "times as fast as interpolate + cross_entropy", found["ratio"], 5, rows=rows, unit="ms")
    if given.on_gpu:
        rows = {row: found[f"{name}_mib"] for row, name in names.items()}
        share = found["banded_mib"] / found["plain_mib"]
        yield Promise("loss", "of its memory", share, 0.1, at_most=True, rows=rows, unit="MiB")


def of_agreement(given: Given) -> Iterator[Promise]:
    """Labels beside the CPU's, of random weights; labels in bfloat16 beside float32's, of trained ones as well."""
    cases = [given.case(name) for name in (("upernet50",) if given.quick else ("pspnet50", "upernet50", "fcn50"))]
    subjects = [agreement.random_subject(case) for case in cases]
    subjects.append(agreement.unified_subject(*((64, "resnet10t", 16) if given.quick else (512,))))
    for subject in subjects:
        equal = _equal_in_float32(subject, given.device)
        yield Promise("agreement", f"{subject.name}, float32: of the CPU's", equal, 0.9999)
        yield _beyond_written(subject, "random", given.device)
    for subject in subjects:
        pictures = torch.cat(subject.pictures).to(given.device)
        network = agreement.taught(subject.network, subject.preprocessing, pictures, 2 if given.quick else STEPS)
        yield _beyond_written(subject._replace(network=network), "trained", given.device)


def _equal_in_float32(subject: Subject, device: torch.device) -> float:
    """The share of the pixels that are labelled as on the CPU, over all tasks."""
    engines = [
        TorchEngine(subject.network, subject.preprocessing, device=where, precision="float32")
        for where in ("cpu", device)
    ]
    equal: list[Tensor] = []
    for picture in subject.pictures:
        maps = [[one.cpu() for one in agreement.engine_maps(engine, subject, picture)] for engine in engines]
        labels = [agreement.labels_of(subject, picture, one) for one in maps]
        equal += [(one == other).flatten() for one, other in zip(*labels, strict=True)]
    return float(torch.cat(equal).float().mean())


def _beyond_written(subject: Subject, weights: str, device: torch.device) -> Promise:
    """By how much more of float32's labels ours keeps in bfloat16 than the network as written, a share of 1."""
    rows = {row.row: row.equal for row in agreement.compared(subject, "bfloat16", device, ("torch",))}
    beyond = rows["torch, exact"] - rows["as written, autocast"]
    what = f"{subject.name}, {weights} weights, bfloat16: beyond as written"
    return Promise("agreement", what, beyond, 0, rows={row: 100 * share for row, share in rows.items()}, unit="%")
