"""The multi-label PSPNet: files of every backbone give the published scores, of pixels and of the whole picture."""

from pathlib import Path

import numpy as np
import pytest
import torch

import sceneparse
from sceneparse.errors import UserError
from sceneparse.networks import normalize
from sceneparse.weights.importing.convert import Recognised, configure, convert, recognise
from sceneparse.weights.importing.reading import Checkpoint
from tests.support.golden_cases import golden_case
from tests.support.lextal import PSPNet
from tests.support.published import as_if_trained, imported, network_of


@pytest.mark.parametrize(
    ("backbone", "width", "deep", "ours"),
    [
        ("resnet18", 512, 256, "resnet18"),
        ("squeezenet", 512, 256, "squeezenet1_1_stride8"),
        ("densenet", 1024, 512, "densenet121_stride8"),
    ],
)
def test_imported_network_scores_as_published(backbone: str, width: int, deep: int, ours: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    peer = as_if_trained(PSPNet(backbone, 5, width, deep))
    assert isinstance(peer, PSPNet)
    model = imported(peer.published_state(), tmp_path)
    assert (model.family, model.model.config.backbone.name) == ("pspnet-pytorch", ours)
    # An odd count of rows at stride 8 tells corners that are aligned from corners that are not.
    images = torch.randn(2, 3, 56, 72)
    with torch.inference_mode():
        output, (pixels, picture) = network_of(model)(images), peer(images)
    assert output.image is not None and output.aux is None
    torch.testing.assert_close(output.logits, pixels, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(output.image, picture, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("depth", [50, 101, 152])
def test_depth_is_told_by_the_number_of_blocks(depth: int) -> None:
    from sceneparse.weights.importing.families.pspnet_pytorch import recognise as recognise_shapes

    with torch.device("meta"):
        peer = PSPNet(f"resnet{depth}", 18, 2048, 1024)
    shapes = {key.removeprefix("module."): tuple(value.shape) for key, value in peer.published_state().items()}
    found = recognise_shapes(shapes)
    assert found is not None
    assert (found.backbone.name, found.num_classes) == (f"resnet{depth}", 18)
    assert found.network.branch_channels == 2048


def test_parser_labels_a_picture_like_the_published_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    peer = as_if_trained(PSPNet("squeezenet", 4, 512, 256))
    assert isinstance(peer, PSPNet)
    picture = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    images = normalize(torch.from_numpy(picture).permute(2, 0, 1)[None], (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.no_grad():  # no class wins everywhere
        peer.final.bias -= peer(images)[0].mean(dim=(0, 2, 3))
    imported(peer.published_state(), tmp_path).save(tmp_path / "model")
    with torch.inference_mode():
        expected = peer(images)[0].argmax(dim=1)[0].numpy()
    labels = sceneparse.load(tmp_path / "model", device="cpu", engine="torch", precision="float32")(picture).labels
    assert len(np.unique(labels)) > 1
    assert (labels == expected).mean() > 0.999


@pytest.mark.parametrize("align_corners", [True, False])
def test_scores_are_those_recorded(align_corners: bool, shared: Path) -> None:
    case = golden_case(shared, "lextal_resnet34")
    checkpoint = Checkpoint(case.weights(), "checkpoint")
    found = recognise(checkpoint, "auto")
    assert isinstance(found, Recognised)
    changes = {} if align_corners else {"network": {"align_corners": False}}
    network, _ = convert(checkpoint, found, configure(found, changes))
    with torch.inference_mode():
        output = network(case.image())
    assert output.image is not None
    scores = output.logits.log_softmax(dim=1)
    got = (
        {"logp": scores, "cls_logits": output.image} if align_corners else {"logp_ac_false_sub": scores[:, :, ::2, ::2]}
    )
    rows = case.golden.compare(case.manifest, case.reference, {key: value.numpy() for key, value in got.items()})
    assert len(rows) == len(got)
    assert [row for row in rows if not row[3]] == []


def test_blocks_that_a_densenet_keeps_twice_must_agree(tmp_path: Path) -> None:
    state = PSPNet("densenet", 4, 1024, 512).published_state()
    state["module.feats.blocks.5.conv.weight"] = state["module.feats.blocks.5.conv.weight"] + 1
    with pytest.raises(UserError, match=r"transition3\.conv\.weight' must be equal"):
        imported(state, tmp_path)


def test_another_number_of_grids_is_refused(tmp_path: Path) -> None:
    state = PSPNet("squeezenet", 4, 512, 256).published_state()
    del state["module.psp.stages.3.1.weight"]
    with pytest.raises(UserError, match="3 grids"):
        imported(state, tmp_path)
