"""UperNet of transformers, saved as a folder: the live peer gives the same scores and labels as what we import."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import sceneparse
from sceneparse.errors import UserError
from sceneparse.networks import normalize, resize
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint
from tests.support.published import as_if_trained

transformers = pytest.importorskip("transformers")


def make_peer(**backbone: Any) -> Any:
    torch.manual_seed(0)
    config = transformers.UperNetConfig(
        backbone_config=transformers.ResNetConfig(
            out_features=["stage1", "stage2", "stage3", "stage4"], **({"embedding_size": 64} | backbone)
        ),
        hidden_size=24,
        auxiliary_in_channels=backbone["hidden_sizes"][2],
        auxiliary_channels=20,
        id2label={0: "sky", 1: "road", 2: "car"},
    )
    return as_if_trained(transformers.UperNetForSemanticSegmentation(config))


BASIC = {"hidden_sizes": [64, 128, 256, 512], "depths": [2, 2, 2, 2], "layer_type": "basic"}
BOTTLENECK = {"hidden_sizes": [256, 512, 1024, 2048], "depths": [3, 4, 6, 3], "layer_type": "bottleneck"}


@pytest.mark.parametrize(("backbone", "name"), [(BASIC, "resnet18"), (BOTTLENECK, "resnet50")])
def test_imported_network_scores_like_the_live_one(backbone: dict[str, Any], name: str, tmp_path: Path) -> None:
    peer = make_peer(**backbone)
    peer.save_pretrained(tmp_path / "peer")
    model = import_checkpoint(tmp_path / "peer")
    assert isinstance(model, ImportedModel)
    assert (model.family, model.model.config.backbone.name) == ("transformers", name)
    assert model.model.labels.names == ("sky", "road", "car")
    images = torch.randn(2, 3, 65, 96)
    network = model.model.network
    with torch.inference_mode():
        expected = peer(images).logits
        logits = resize(network(images).logits, (65, 96), network.align_corners)
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("backbone", "says"),
    [
        ({"embedding_size": 16}, "7×7 convolution of 16 channels; one of 7×7 with 64"),
        ({"depths": [1, 2, 1, 1]}, "its stages have 1, 2, 1, 1 basic blocks, as no published ResNet has"),
    ],
)
def test_a_backbone_that_no_resnet_has_is_refused_as_what_it_is(
    backbone: dict[str, Any], says: str, tmp_path: Path
) -> None:
    make_peer(**(BASIC | {"hidden_sizes": [16, 32, 48, 64]} | backbone)).save_pretrained(tmp_path / "peer")
    with pytest.raises(UserError, match=f"it looks like transformers, but .*{says}"):
        import_checkpoint(tmp_path / "peer")


def test_a_sharded_folder_parses_a_picture_like_the_live_network(tmp_path: Path) -> None:
    peer = make_peer(**BASIC)
    peer.save_pretrained(tmp_path / "peer", max_shard_size="20MB")
    assert len(list((tmp_path / "peer").glob("*.safetensors"))) > 1
    imported = import_checkpoint(tmp_path / "peer", "transformers", protocol={"name": "whole"})
    imported.save(tmp_path / "model")
    picture = np.random.default_rng(0).integers(0, 256, (61, 80, 3), dtype=np.uint8)
    images = normalize(torch.from_numpy(picture).permute(2, 0, 1)[None], (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.inference_mode():
        expected = peer(images).logits.argmax(dim=1)[0].numpy()
    labels = sceneparse.load(tmp_path / "model", device="cpu", engine="torch", precision="float32")(picture).labels
    assert len(np.unique(labels)) > 1
    assert (labels == expected).mean() > 0.999


@pytest.mark.parametrize("size", [None, {"height": 96, "width": 96}, {"shortest_edge": 64}], ids=str)
@pytest.mark.parametrize("side", [(61, 80), (200, 131), (500, 700)], ids=str)
def test_a_folder_with_its_processor_labels_a_picture_like_the_live_pair(
    size: dict[str, int] | None, side: tuple[int, int], tmp_path: Path
) -> None:
    processor = transformers.SegformerImageProcessor(**({} if size is None else {"size": size}))
    peer = make_peer(**BASIC)
    peer.save_pretrained(tmp_path / "peer")
    processor.save_pretrained(tmp_path / "peer")
    picture = np.random.default_rng(0).integers(0, 256, (*side, 3), dtype=np.uint8)
    with torch.inference_mode():
        found = peer(**processor(picture, return_tensors="pt"))
        expected = processor.post_process_semantic_segmentation(found, target_sizes=[side])[0].numpy()
    import_checkpoint(tmp_path / "peer").save(tmp_path / "model")
    labels = sceneparse.load(tmp_path / "model", device="cpu", engine="torch", precision="float32")(picture).labels
    assert len(np.unique(labels)) > 1
    assert (labels == expected).mean() >= 0.9999
