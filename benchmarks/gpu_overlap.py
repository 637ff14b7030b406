"""What `gpu.py` promises of pictures that are begun before those in front of them are finished."""

import statistics
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from command_line import note
from gpu_given import Given
from gpu_report import Promise
from peer_networks import PREPROCESSING, Case, imitate_training
from sceneparse.benching.timing import take_turns
from sceneparse.inference import Opened
from sceneparse.inference.engine import TorchEngine
from sceneparse.labels import LabelSpace
from sceneparse.parsing import Parser, predict_pictures
from sceneparse.settings import BackboneSettings, DataSettings, NetworkSettings, ProtocolSettings
from sceneparse.weights.config import ModelConfig

PICTURES = 128
"""Of the folder: sixteen batches."""

QUICK_PICTURES = 17
"""Two batches and one more in the quick form."""

UNLIKE = 16
"""So many of them differ, and are written again and again."""

ROUNDS = 3
"""Rounds that count; a whole run is no short measurement."""

BEGUN, IN_TURN = "begun before those in front are finished", "each finished before the next is begun"


class Beside(TorchEngine):
    """An engine whose pictures are begun ahead or not, as it is told; on a CPU, for the quick form, too."""

    beside = True

    @property
    def runs_beside(self) -> bool:
        """See `Engine`."""
        return self.beside


def of_overlap(given: Given) -> Iterator[Promise]:
    """Pictures of a folder, and pictures by themselves, beside the same with no look-ahead."""
    case = given.case("upernet50" if given.quick else "pspnet50")
    count = QUICK_PICTURES if given.quick else PICTURES
    with TemporaryDirectory() as name:
        engine, folder = _engine(case, given), Path(name, "pictures")
        parser = _parser(engine, case)
        pictures = _pictures(case)
        _write(pictures, folder, count)
        predict = partial(predict_pictures, parser, folder, Path(name, "out"), write=("labels",), again=True)
        one_by_one = [pictures[index % len(pictures)] for index in range(count)]
        whats: dict[str, Callable[[], object]] = {
            "sceneparse predict of a folder": partial(predict, progress=False),
            "Parser.many of arrays": lambda: sum(1 for _ in parser.many(one_by_one)),
        }
        for what, run in whats.items():
            rows = _paces(engine, run, count, given)
            ratio = rows[BEGUN] / rows[IN_TURN]
            yield Promise("overlap", f"{what}: times as fast as in turn", ratio, 1, rows=rows, unit="pictures/s")


def _paces(engine: Beside, run: Callable[[], object], count: int, given: Given) -> dict[str, float]:
    """Median pictures a second with and without look-ahead."""

    def told(beside: bool) -> None:
        engine.beside = beside
        run()

    forms = {BEGUN: partial(told, True), IN_TURN: partial(told, False)}
    rounds = min(given.repeats, ROUNDS)
    times = take_turns(forms, given.device, rounds, 0 if given.quick else 1, lambda _: None)
    paces = {name: 1000 * count / statistics.median(one) for name, one in times.items()}
    for name, pace in paces.items():
        note(f"  {name}: {pace:.1f} pictures/s")
    return paces


def _engine(case: Case, given: Given) -> Beside:
    network = case.ours("exact")
    imitate_training(network, case)
    return Beside(network.eval(), PREPROCESSING, device=given.device)


def _parser(engine: Beside, case: Case) -> Parser:
    config = ModelConfig(
        name=case.name,
        backbone=BackboneSettings(case.backbone, dilation=case.dilation),
        network=NetworkSettings(case.architecture, channels=case.channels),
        preprocessing=PREPROCESSING,
        protocol=ProtocolSettings(),
        data=DataSettings(),
    )
    names = tuple(f"class {index}" for index in range(case.classes))
    return Parser(Opened(engine, config, LabelSpace(names), "made up", None))


def _pictures(case: Case) -> list[NDArray[np.uint8]]:
    """Made-up pictures, each (side, side, 3)."""
    return [np.ascontiguousarray(one.permute(1, 2, 0).numpy()) for one in case.picture(UNLIKE)]


def _write(pictures: list[NDArray[np.uint8]], folder: Path, count: int) -> None:
    folder.mkdir()
    for index in range(count):
        Image.fromarray(pictures[index % len(pictures)]).save(folder / f"{index:04}.jpg", quality=90)
