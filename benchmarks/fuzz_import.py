"""Damaged checkpoints: each must be refused in a clear line, soon, and without running anything.

    python benchmarks/fuzz_import.py
    python benchmarks/fuzz_import.py --count 200 --seed 3 --json fuzz.json

Whole checkpoints of several families are damaged in one way at a time: cut short, bytes changed, keys renamed, left out
or added, tensors of another shape or kind, a half that is missing, pickles that want to run something, archives and
tensors that claim more than they hold. A table says how many of each kind were refused and how long the slowest took.
It ends with 1 if one was imported, if anything but a UserError came out, or if something in a file was run.
"""

import os
import pickle
import random
import resource
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from safetensors.torch import save_file
from torch import Tensor

from command_line import command_line, note, parsed, write_figures
from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights.build import build
from sceneparse.weights.importing.checkpoint import import_checkpoint
from sceneparse.weights.importing.families import torchvision, transformers
from sceneparse.weights.importing.families.mmseg import convolutional, heads
from sceneparse.weights.importing.family import theirs

State = dict[str, Tensor]


def sources() -> dict[str, State]:
    """Small whole checkpoints, in half precision, by family."""
    kinds = {
        "torchvision": (torchvision.NAMES, NetworkSettings(architecture="fcn", channels=8)),
        "mmseg": ([*convolutional.STEMS[""], *heads.PSPNET], NetworkSettings(channels=8, branch_channels=8)),
        "transformers": (transformers.NAMES, NetworkSettings(architecture="upernet", channels=8)),
    }
    made = {}
    for name, (names, network) in kinds.items():
        ours = build(BackboneSettings("resnet18"), network, 5).state_dict()
        made[name] = {
            theirs(key, names): value.half() if value.is_floating_point() else value for key, value in ours.items()
        }
    return made


class Payload:
    """What a malicious pickle would run: it leaves a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


@dataclass
class Damage:
    """One damaged checkpoint in the making."""

    state: State
    folder: Path
    draw: random.Random
    mark: Path

    @property
    def path(self) -> Path:
        return self.folder / "checkpoint.pth"

    def save(self, content: Any = None) -> Path:
        zipped = self.draw.random() < 0.7
        torch.save(self.state if content is None else content, self.path, _use_new_zipfile_serialization=zipped)
        return self.path

    def key(self, ends: str = "weight") -> str:
        """A key, at random."""
        return self.draw.choice([key for key in self.state if key.endswith(ends)])


def cut_short(damage: Damage) -> Path:
    path = damage.save()
    os.truncate(path, damage.draw.randrange(path.stat().st_size))
    return path


def bytes_changed(damage: Damage) -> Path:
    """Bytes of what says how the numbers are to be read: the archive's entries or the pickle."""
    damage.state = {key: damage.state[key] for key in list(damage.state)[:40]}  # incomplete, whatever else it is
    path = damage.save()
    content = bytearray(path.read_bytes())
    for _ in range(damage.draw.randint(1, 200)):
        content[damage.draw.randrange(len(content))] = damage.draw.randrange(256)
    for _ in range(8):
        content[damage.draw.randrange(2000)] = damage.draw.randrange(256)
    path.write_bytes(content)
    return path


def noise(damage: Damage) -> Path:
    start = damage.draw.choice([b"", b"PK\x03\x04", b"\x80\x02", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."])
    damage.path.write_bytes(start + damage.draw.randbytes(damage.draw.randrange(20000)))
    return damage.path


def key_renamed(damage: Damage) -> Path:
    key = damage.draw.choice(list(damage.state))
    new = damage.draw.choice([key + "_", "x." + key, key.replace(".", "_", 1), key.upper(), "", key[:-1]])
    damage.state = {new if name == key else name: value for name, value in damage.state.items()}
    return damage.save()


def key_left_out(damage: Damage) -> Path:
    for _ in range(damage.draw.randint(1, 5)):
        # A checkpoint without any counter is an old one, and whole; without some it is not.
        damage.state.pop(damage.draw.choice(list(damage.state)))
    return damage.save()


def key_added(damage: Damage) -> Path:
    damage.state[f"{damage.key().rpartition('.')[0]}.more"] = torch.zeros(3)
    return damage.save()


def wrong_shape(damage: Damage) -> Path:
    key = damage.key(damage.draw.choice(["weight", "bias", "running_var"]))
    value = damage.state[key]
    changes: list[Callable[[Tensor], Tensor]] = [
        lambda v: torch.cat([v, v]),
        lambda v: v[None],
        lambda v: v.flatten()[:1].clone(),
        lambda v: v.flatten()[0].clone(),
        lambda v: v[:0],
    ]
    damage.state[key] = damage.draw.choice(changes)(value)
    return damage.save()


def wrong_type(damage: Damage) -> Path:
    key = damage.key()
    kind = damage.draw.choice([torch.int64, torch.bool, torch.uint8, torch.complex64])
    damage.state[key] = damage.state[key].to(kind)
    return damage.save()


def not_finite(damage: Damage) -> Path:
    key = damage.key()
    damage.state[key] = damage.state[key].clone()
    damage.state[key].view(-1)[0] = damage.draw.choice([float("nan"), float("inf")])
    return damage.save()


def half_missing(damage: Damage) -> Path:
    keys = list(damage.state)
    middle = damage.draw.randint(len(keys) // 4, 3 * len(keys) // 4)
    kept = damage.draw.choice([keys[:middle], keys[middle:]])
    damage.state = {key: damage.state[key] for key in kept}
    return damage.save()


def pair_without_decoder(damage: Damage) -> Path:
    path = damage.folder / "encoder_epoch_20.pth"
    torch.save(damage.state, path)
    return path


def malicious_pickle(damage: Damage) -> Path:
    payload = Payload(damage.mark)
    content = damage.draw.choice(
        [
            {"state_dict": damage.state, "more": payload},
            {**damage.state, "layer": payload},
            payload,
            [payload, damage.state],
        ]
    )
    if damage.draw.random() < 0.3:
        damage.path.write_bytes(pickle.dumps(content, protocol=damage.draw.choice([0, 2, 4])))
        return damage.path
    return damage.save(content)


def rubbish_inside(damage: Damage) -> Path:
    content = damage.draw.choice(
        [
            {**damage.state, "note": "text"},
            {**damage.state, 3: torch.zeros(1)},
            list(damage.state.values()),
            {"state_dict": {}},
            {"state_dict": "none"},
            {},
            torch.zeros(4),
            "weights",
        ]
    )
    return damage.save(content)


def claims_too_much(damage: Damage) -> Path:
    key = damage.key()
    count = damage.draw.choice([10**6, 10**9, 10**12])
    damage.state[key] = torch.zeros(1).expand(count)
    return damage.save()


def bomb(damage: Damage) -> Path:
    """An archive whose entries are compressed."""
    path = damage.path
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": 1}, protocol=2))
        archive.writestr("archive/data/0", bytes(damage.draw.randint(10**6, 10**7)))
    return path


def damaged_safetensors(damage: Damage) -> Path:
    path = damage.folder / "checkpoint.safetensors"
    save_file({key: value.contiguous() for key, value in damage.state.items()}, path)
    content = bytearray(path.read_bytes())
    if damage.draw.random() < 0.5:
        content = content[: damage.draw.randrange(len(content))]
    else:
        for _ in range(20):
            content[damage.draw.randrange(400)] = damage.draw.randrange(256)
    path.write_bytes(content)
    return path


def not_there(damage: Damage) -> Path:
    return damage.draw.choice([damage.folder / "nothing.pth", damage.folder, damage.folder / "a" / "b.safetensors"])


KINDS: tuple[Callable[[Damage], Path], ...] = (
    cut_short,
    bytes_changed,
    noise,
    key_renamed,
    key_left_out,
    key_added,
    wrong_shape,
    wrong_type,
    not_finite,
    half_missing,
    pair_without_decoder,
    malicious_pickle,
    rubbish_inside,
    claims_too_much,
    bomb,
    damaged_safetensors,
    not_there,
)
"""Every kind of damage."""


@dataclass
class Count:
    """What came of the checkpoints of one kind."""

    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0
    example: str = ""


def fuzz(count: int, seed: int, progress: Callable[[int], None] = lambda _: None) -> dict[str, Count]:
    """Damage and import `count` checkpoints, the kinds in turn; what was not refused stands in `wrong`."""
    whole = sources()
    counts = {kind.__name__: Count() for kind in KINDS}
    with tempfile.TemporaryDirectory() as name:
        mark = Path(name) / "run"
        for index in range(count):
            kind = KINDS[index % len(KINDS)]
            draw = random.Random(f"{seed} {index}")
            folder = Path(name) / "case"
            folder.mkdir()
            damage = Damage(dict(whole[draw.choice(sorted(whole))]), folder, draw, mark)
            _one(counts[kind.__name__], kind, damage, index)
            shutil.rmtree(folder)
            progress(index + 1)
    return counts


def _one(tally: Count, kind: Callable[[Damage], Path], damage: Damage, index: int) -> None:
    path = kind(damage)
    start = time.perf_counter()
    try:
        imported = import_checkpoint(path, "auto")
    except UserError as error:
        if "\n" in str(error) or len(str(error)) > 1000:
            tally.wrong.append(f"{index}: not one clear line: {str(error)[:200]}")
        else:
            tally.refused += 1
            tally.example = str(error).replace(str(path), path.name)
    except Exception as error:  # anything else is what this program looks for
        tally.wrong.append(f"{index}: {type(error).__name__}: {str(error)[:200]}")
    else:
        tally.wrong.append(f"{index}: imported as {imported.describe()[0]}")
    tally.slowest = max(tally.slowest, time.perf_counter() - start)
    if damage.mark.exists():
        damage.mark.unlink()
        tally.wrong.append(f"{index}: something in the file was run")


def main() -> int:
    parser = command_line(__doc__)
    parser.add_argument("--count", type=int, default=2000, metavar="N", help="checkpoints (default: 2000)")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    given = parsed(parser, {"count": 2 * len(KINDS)})

    def progress(done: int) -> None:
        if done % 100 == 0 or done == given.count:
            note(f"{done}/{given.count}")

    counts = fuzz(given.count, given.seed, progress)
    figures = [{"kind": kind, **asdict(tally)} for kind, tally in counts.items()]
    write_figures(figures, given.json, lambda: show(counts, given.count))
    return 1 if any(tally.wrong for tally in counts.values()) else 0


def show(counts: dict[str, Count], count: int) -> None:
    """A table on the terminal, and what was not refused."""
    table = Table(title=f"{count} damaged checkpoints")
    for column in ("kind", "refused", "not refused", "slowest s", "such as"):
        table.add_column(column, overflow="fold")
    for kind, tally in counts.items():
        table.add_row(
            kind.replace("_", " "), str(tally.refused), str(len(tally.wrong)), f"{tally.slowest:.2f}", tally.example
        )
    Console(width=180).print(table)
    wrong = [f"{kind} {line}" for kind, tally in counts.items() for line in tally.wrong]
    print("\n".join(wrong), end="\n" if wrong else "")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{sum(tally.refused for tally in counts.values())} refused, {len(wrong)} not; peak memory {peak:.0f} MiB")


if __name__ == "__main__":
    sys.exit(main())
