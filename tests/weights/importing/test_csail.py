"""CSAIL's encoder and decoder pairs: what we import gives the scores of their own wiring, and those recorded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import sceneparse
from sceneparse.errors import UserError
from sceneparse.networks import SceneParser, normalize, resize
from sceneparse.settings import ProtocolSettings
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint
from sceneparse.weights.importing.convert import Recognised, configure, convert, recognise
from sceneparse.weights.importing.families.csail import MEAN_BGR
from sceneparse.weights.importing.reading import Checkpoint
from tests.support.csail import DeepResNet, MobileNet, Plain, Pyramid
from tests.support.golden_cases import golden_case
from tests.support.published import as_if_trained

BUFFERS = ("_tmp_running_mean", "_tmp_running_var", "_running_iter")


def pair(encoder: nn.Module, decoder: nn.Module, folder: Path) -> ImportedModel:
    """A model of two files as CSAIL writes them: bare keys, with the buffers of its batch norm."""
    folder.mkdir(exist_ok=True)
    for name, part in (("encoder", encoder), ("decoder", decoder)):
        state = part.state_dict()
        for key in [key for key in state if key.endswith("running_mean")]:
            state |= {key.replace("running_mean", buffer): torch.ones(1) for buffer in BUFFERS}
        torch.save(state, folder / f"{name}_epoch_20.pth")
    model = import_checkpoint(folder)
    assert isinstance(model, ImportedModel)
    return model


def of(checkpoint: Checkpoint) -> SceneParser:
    found = recognise(checkpoint, "auto")
    assert isinstance(found, Recognised)
    return convert(checkpoint, found, configure(found, {}))[0]


MAKE: dict[str, Callable[[], tuple[Any, Any]]] = {
    "resnet18 ppm": lambda: (DeepResNet(18, True), Plain("ppm", 512, 5)),
    "resnet18 c1_deepsup": lambda: (DeepResNet(18, True), Plain("c1_deepsup", 512, 5)),
    "resnet18 ppm_deepsup": lambda: (DeepResNet(18, True), Plain("ppm_deepsup", 512, 5)),
    "resnet50 c1": lambda: (DeepResNet(50, True), Plain("c1", 2048, 5)),
    "mobilenetv2 c1": lambda: (MobileNet(), Plain("c1", 320, 5)),
    "mobilenetv2 c1_deepsup": lambda: (MobileNet(), Plain("c1_deepsup", 320, 5)),
    "mobilenetv2 ppm_deepsup": lambda: (MobileNet(), Plain("ppm_deepsup", 320, 5)),
    "resnet18 upernet": lambda: (DeepResNet(18, False), Pyramid([64, 128, 256, 512], 512, 5)),
    "resnet18 upernet_lite": lambda: (DeepResNet(18, False), Pyramid([64, 128, 256, 512], 256, 5)),
}


@pytest.mark.parametrize("name", MAKE)
def test_imported_pairs_score_like_their_own_wiring(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder, decoder = (as_if_trained(part) for part in MAKE[name]())
    model = pair(encoder, decoder, tmp_path)
    network = model.model.network
    images = torch.randn(1, 3, 65, 88)
    with torch.inference_mode():
        expected, deep = decoder(encoder(images))
        features = network.backbone(images)
        torch.testing.assert_close(network.decode(features), expected, rtol=1e-4, atol=1e-4)
        assert (deep is None) == (network.aux_head is None)
        if network.aux_head is not None:
            torch.testing.assert_close(network.aux_head(features[2]), deep, rtol=1e-4, atol=1e-4)
    assert model.family == "csail" and name.split()[1].split("_")[0] in " ".join(model.why).lower()


def test_in_training_the_pyramid_of_upernet_normalises_what_is_resized(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder, decoder = (as_if_trained(part) for part in MAKE["resnet18 upernet"]())
    before = decoder.ppm_conv[1][1].running_mean.clone()
    for module in decoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.001
    network: Any = pair(encoder, decoder, tmp_path).model.network
    features = encoder(torch.randn(2, 3, 64, 96))
    network.train()
    decoder.train()
    torch.testing.assert_close(network.decode(features), decoder(features)[0], rtol=1e-3, atol=1e-3)
    mean = decoder.ppm_conv[1][1].running_mean
    torch.testing.assert_close(network.pyramid.branches[1].norm.running_mean, mean, rtol=1e-5, atol=1e-7)
    assert not torch.equal(mean, before)


def test_parser_labels_a_picture_with_the_familys_preprocessing(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder, decoder = (as_if_trained(part) for part in MAKE["resnet18 ppm"]())
    pair(encoder, decoder, tmp_path / "pair").save(tmp_path / "model")
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    images = normalize(torch.from_numpy(picture).permute(2, 0, 1)[None], (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.inference_mode():
        expected = resize(decoder(encoder(images))[0], (64, 96), False).argmax(dim=1)[0].numpy()
    whole = ProtocolSettings("whole")
    parser = sceneparse.load(tmp_path / "model", device="cpu", engine="torch", precision="float32", protocol=whole)
    labels = parser(picture).labels
    assert len(np.unique(labels)) > 1
    assert (labels == expected).mean() > 0.99


def test_older_pairs_are_imported_for_rgb_where_they_took_bgr(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder, decoder = (as_if_trained(part) for part in MAKE["mobilenetv2 c1_deepsup"]())
    pair(encoder, decoder, tmp_path)
    model = import_checkpoint(tmp_path, "csail-baseline")
    assert isinstance(model, ImportedModel)
    picture = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    settings = model.model.config.preprocessing
    with torch.inference_mode():
        logits = model.model.network(normalize(picture, settings.mean, settings.std)).logits
        expected = decoder(encoder(picture.float().flip(1) - torch.tensor(MEAN_BGR).view(1, 3, 1, 1)))[0]
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-3)


def test_a_folder_that_is_called_baseline_says_that_a_pair_took_bgr(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder, decoder = (as_if_trained(part) for part in MAKE["resnet18 c1_deepsup"]())
    folder = tmp_path / "baseline-resnet18dilated-c1_deepsup"
    model = pair(encoder, decoder, folder)
    assert model.family == "csail-baseline" and model.model.config.preprocessing.std[0] == pytest.approx(1 / 255)
    first = model.model.network.state_dict()["backbone.body.conv1.0.weight"]
    torch.testing.assert_close(first, encoder.conv1.weight.flip(1))
    asked = import_checkpoint(folder, "csail")
    assert isinstance(asked, ImportedModel) and asked.family == "csail"
    assert asked.model.config.preprocessing.mean == (0.485, 0.456, 0.406)
    named_alone = import_checkpoint(folder / "encoder_epoch_20.pth")
    assert isinstance(named_alone, ImportedModel) and named_alone.family == "csail-baseline"


def test_the_config_beside_a_pair_says_whether_its_encoder_is_dilated(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder, decoder = as_if_trained(DeepResNet(18, False)), as_if_trained(Plain("c1_deepsup", 512, 5))
    [warning] = pair(encoder, decoder, tmp_path).warnings
    assert warning.startswith("network.output_stride: taken as 8") and "network={'output_stride': 32}" in warning
    config = tmp_path / "config.yaml"
    config.write_text("MODEL:\n  arch_encoder: resnet18\n  arch_decoder: c1_deepsup\n")
    model = pair(encoder, decoder, tmp_path)
    assert model.warnings == () and model.model.config.network.output_stride == 32
    images = torch.randn(1, 3, 65, 88)
    with torch.inference_mode():
        expected = decoder(encoder(images))[0]
        features = model.model.network.backbone(images)
        torch.testing.assert_close(model.model.network.decode(features), expected, rtol=1e-4, atol=1e-4)
    config.write_text("MODEL: {arch_encoder: ResNet18dilated}")
    dilated = pair(encoder, decoder, tmp_path)
    assert dilated.warnings == () and dilated.model.config.network.output_stride == 8
    for text, words in (
        ("MODEL: {arch_encoder: resnet50dilated}", "has the encoder resnet50dilated, but its keys are those of resn"),
        ("MODEL: [", r"config\.yaml: not readable as YAML"),
    ):
        config.write_text(text)
        with pytest.raises(UserError, match=words):
            pair(encoder, decoder, tmp_path)


def test_an_encoder_that_is_not_known_is_refused_with_the_reason(tmp_path: Path) -> None:
    encoder = nn.ModuleDict({"stage4": nn.Conv2d(3, 720, 1)})
    with pytest.raises(UserError, match="HRNet cannot be imported"):
        pair(encoder, Plain("c1", 720, 5), tmp_path)


@pytest.mark.parametrize("name", ["csail_resnet18dilated_ppm_deepsup", "csail_resnet50_upernet"])
def test_scores_are_those_recorded(name: str, shared: Path) -> None:
    case = golden_case(shared, name)
    network = of(Checkpoint(case.weights(), "pair"))
    with torch.inference_mode():
        features = network.backbone(case.image())
        logits = network.decode(features)
        size = case.manifest["tensors"]["prob"]["shape"][2:]
        got: dict[str, Tensor] = {
            "logp": logits.log_softmax(dim=1),
            "prob": resize(logits, (size[0], size[1]), network.align_corners).softmax(dim=1),
        }
        if network.aux_head is not None:
            got["logp_deepsup"] = network.aux_head(features[2]).log_softmax(dim=1)
    case.compare(got)
