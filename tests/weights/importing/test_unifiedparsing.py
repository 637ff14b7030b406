"""CSAIL's unified UPerNet: what we import gives the scores recorded, for RGB where the release takes BGR."""

import csv
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import sceneparse
from sceneparse.errors import UserError
from sceneparse.networks import UnifiedUPerNet, resize
from sceneparse.networks.backbones import make_backbone
from sceneparse.settings import ProtocolSettings
from sceneparse.standard.tables import released_tasks
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint
from sceneparse.weights.importing.convert import Recognised, configure, convert, recognise
from sceneparse.weights.importing.families.csail import MEAN_BGR
from sceneparse.weights.importing.families.unifiedparsing import BRODEN_PARTS, NAMES
from sceneparse.weights.importing.family import theirs
from sceneparse.weights.importing.reading import Checkpoint
from tests.support.golden_cases import GoldenCase, golden_case


def network_of(weights: dict[str, Tensor]) -> UnifiedUPerNet:
    checkpoint = Checkpoint(weights, "pair")
    found = recognise(checkpoint, "auto")
    assert isinstance(found, Recognised)
    network, _ = convert(checkpoint, found, configure(found, {}))
    assert isinstance(network, UnifiedUPerNet)
    return network


def in_blocks(logits: Tensor, function: Any) -> Tensor:
    return torch.cat([function(block, dim=1) for block in logits.split(BRODEN_PARTS, dim=1)], dim=1)


def test_scores_are_those_recorded(shared: Path) -> None:
    case: GoldenCase = golden_case(shared, "unifiedparsing_upernet50")
    network = network_of(case.weights())
    with torch.inference_mode():
        # Recorded with the release's order of channels.
        output = network(case.image().flip(1))

        def small(maps: Tensor) -> Tensor:
            return resize(maps, (11, 13), network.align_corners)

        assert output.scene is not None and output.part is not None and output.material is not None
        assert output.texture is None
        case.compare(
            {
                "scene_prob": output.scene.softmax(dim=1),
                "scene_logp": output.scene.log_softmax(dim=1),
                "object_prob": small(output.object).softmax(dim=1),
                "object_logp_sub": output.object.log_softmax(dim=1)[:, :, ::7, ::9],
                "part_prob": in_blocks(small(output.part), torch.softmax),
                "part_logp_sub": in_blocks(output.part, torch.log_softmax)[:, :, ::7, ::9],
                "material_prob": small(output.material).softmax(dim=1),
                "material_logp": output.material.log_softmax(dim=1),
            }
        )
    assert list(BRODEN_PARTS) == case.manifest["extra"]["part_counts"]


def pair(folder: Path, objects: int = 5, parts: int = 427, scenes: int = 7, materials: int = 4) -> dict[str, Tensor]:
    """Two files as the release writes them, with the weights of a random network, under the release's names."""
    torch.manual_seed(0)
    heads: dict[str, Any] = {"scenes": scenes, "parts": parts, "materials": materials}
    network = UnifiedUPerNet(make_backbone("resnet18s"), objects, **heads, scene_head="convolution", channels=16)
    state = {theirs(name, NAMES): value for name, value in network.state_dict().items()}
    folder.mkdir()
    for part in ("encoder", "decoder"):
        own = {key.removeprefix(f"{part}."): value for key, value in state.items() if key.startswith(f"{part}.")}
        torch.save(own, folder / f"{part}_epoch_40.pth")
    return state


def test_tasks_and_their_classes_are_read_from_the_heads(tmp_path: Path) -> None:
    pair(tmp_path / "pair")
    model = import_checkpoint(tmp_path / "pair")
    assert isinstance(model, ImportedModel) and model.family == "unifiedparsing"
    settings = model.model.config.network
    assert (settings.tasks.scenes, settings.tasks.materials, settings.tasks.textures) == (7, 4, 0)
    assert settings.tasks.parts == BRODEN_PARTS and settings.pool == "precise" and settings.resize_first
    assert len(model.model.labels) == 5


def test_parser_labels_objects_with_bgr_preprocessing(tmp_path: Path) -> None:
    state = pair(tmp_path / "pair")
    model = import_checkpoint(tmp_path / "pair")
    assert isinstance(model, ImportedModel)
    model.save(tmp_path / "model")
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    bgr = torch.from_numpy(picture[:, :, ::-1].copy()).permute(2, 0, 1)[None].float()
    bgr -= torch.tensor(MEAN_BGR).view(1, 3, 1, 1)
    network = model.model.network
    assert isinstance(network, UnifiedUPerNet)
    stem = network.backbone.body.get_submodule("conv1")[0]  # type: ignore[index]
    with torch.inference_mode():
        assert torch.equal(stem.weight, state["encoder.conv1.weight"].flip(1))
        expected = resize(network(bgr.flip(1)).object, (64, 96), False).argmax(dim=1)[0].numpy()
    parser = sceneparse.load(
        tmp_path / "model", device="cpu", engine="torch", precision="float32", protocol=ProtocolSettings("whole")
    )
    labels = parser(picture).labels
    assert len(np.unique(labels)) > 1
    assert (labels == expected).mean() > 0.99


def test_a_model_of_the_releases_sizes_tells_everything_by_name(tmp_path: Path) -> None:
    pair(tmp_path / "pair", objects=336, scenes=365, materials=26)
    model = import_checkpoint(tmp_path / "pair")
    assert isinstance(model, ImportedModel)
    assert model.describe()[-1] == (
        "other tasks: assumed to be Broden+'s scenes, parts and materials, since there are as many"
    )
    model.save(tmp_path / "model")
    parser = sceneparse.load(
        tmp_path / "model", device="cpu", engine="torch", precision="float32", protocol=ProtocolSettings("whole")
    )
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    parse, network = parser(picture), model.model.network
    assert isinstance(network, UnifiedUPerNet) and model.model.tasks is not None
    tree = model.model.tasks.tree
    assert tree is not None and tree.sizes == BRODEN_PARTS
    with torch.inference_mode():
        output = network(torch.from_numpy(picture).permute(2, 0, 1)[None].float() - mean_rgb())
    assert output.scene is not None and output.material is not None
    names = [row["name"] for row in csv_rows("scene")]
    assert parse.scene is not None and parse.scene[0].name == names[int(output.scene.argmax())]
    materials = ["unlabelled", *(row["name"] for row in csv_rows("material")[1:])]
    assert [parser.tasks.materials.names[index] for index in range(26)] == materials  # type: ignore[union-attr]
    winner = resize(output.material, (64, 96), False).argmax(dim=1)[0].numpy()
    assert parse.material is not None and (parse.material == winner).mean() > 0.99


def mean_rgb() -> Tensor:
    return torch.tensor(MEAN_BGR[::-1]).view(1, 3, 1, 1)


def csv_rows(category: str) -> list[dict[str, str]]:
    text = resources.files("sceneparse.standard").joinpath("broden", f"{category}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def test_the_releases_blocks_of_parts_are_named_in_the_order_of_its_table() -> None:
    tasks = released_tasks()
    assert tasks.objects is not None and tasks.tree is not None
    rows = csv_rows("object_part_hierarchy")
    named = [(tasks.objects.names[owner], tasks.tree.children[owner]) for owner in tasks.tree.owners]
    assert [name for name, _ in named] == [row["object_name"] for row in rows]
    for (_, children), row in zip(named, rows, strict=True):
        assert [tasks.tree.parts.names[part] for part in children] == row["part_names"].split(";")[1:]
    assert tasks.objects.names[0] == "unlabelled" and tasks.objects.names[6] == "person"


def test_other_numbers_of_classes_have_no_names(tmp_path: Path) -> None:
    pair(tmp_path / "pair", objects=336, scenes=12, materials=26)
    model = import_checkpoint(tmp_path / "pair")
    assert isinstance(model, ImportedModel) and model.model.tasks is None
    assert model.describe()[-1].startswith("other tasks: no names are known for so many classes")


def test_part_channels_that_are_not_brodens_are_refused(tmp_path: Path) -> None:
    pair(tmp_path / "pair", parts=30)
    with pytest.raises(UserError, match="30 channels; only Broden"):
        import_checkpoint(tmp_path / "pair")
