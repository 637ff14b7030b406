"""A network with a single logit is two classes: the sigmoid's own decision at its own threshold, in every family."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sceneparse.inference import TorchEngine, predict
from sceneparse.inference.exported_file import export_model, open_exported
from sceneparse.inference.protocol import resolve
from sceneparse.inference.scoring import label, predict_batch, scores
from sceneparse.labels import LabelSpace
from sceneparse.networks import SceneParser, resize
from sceneparse.settings import (
    BackboneSettings,
    DataSettings,
    NetworkSettings,
    PreprocessingSettings,
    ProtocolSettings,
)
from sceneparse.weights.build import build
from sceneparse.weights.config import ModelConfig
from sceneparse.weights.importing.checkpoint import ImportedModel
from sceneparse.weights.importing.convert import Recognised, configure, convert, recognise
from sceneparse.weights.importing.families import (
    caffe,
    csail,
    pspnet_mobilenetv2,
    pspnet_pytorch,
    semseg,
    smp,
    torchvision,
    torchvision_deeplab,
    transformers,
    transformers_convnext,
    unifiedparsing,
)
from sceneparse.weights.importing.families.table import FAMILIES
from sceneparse.weights.importing.family import Names, theirs
from sceneparse.weights.importing.mobilenets import mobilenetv2
from sceneparse.weights.importing.reading import Checkpoint
from sceneparse.weights.model import Model
from tests.support.mmseg_file import NAMES as MMSEG
from tests.support.published import as_if_trained, imported
from tests.support.slow import slow
from tests.weights.importing.test_caffe import weights as caffe_layers
from tests.weights.importing.test_upernet_concat import Peer as ConcatenatingPeer

State = dict[str, Tensor]
PSP: dict[str, Any] = {"architecture": "pspnet", "channels": 16, "branch_channels": 16, "aux_channels": 8}


def of_ours(backbone: str, names: Names, **network: Any) -> Callable[[], State]:
    def make() -> State:
        torch.manual_seed(0)
        strided = network.get("architecture") == "upernet" or network.get("output_stride") == 32
        dilated = "first" if strided else "half"
        ours = build(BackboneSettings(backbone, dilation=dilated), NetworkSettings(**network), 1)  # type: ignore[arg-type]
        state = as_if_trained(ours).state_dict()
        return {theirs(key, names): value for key, value in state.items()}

    return make


def caffe_state() -> State:
    layers = caffe_layers(50, 1)
    return {
        f"{name}.{number}": torch.from_numpy(np.ascontiguousarray(blob, dtype=np.float32)).reshape(
            blob.shape if blob.ndim == 4 and "/bn" not in name else -1
        )
        for name, blobs in layers.items()
        for number, blob in enumerate(blobs)
    }


def unified_state() -> State:
    from sceneparse.networks import UnifiedUPerNet
    from sceneparse.networks.backbones import make_backbone

    heads: dict[str, Any] = {"scenes": 3, "parts": 427, "materials": 4}
    network = UnifiedUPerNet(make_backbone("resnet18s"), 1, **heads, scene_head="convolution", channels=16)
    return {theirs(name, unifiedparsing.NAMES): value for name, value in network.state_dict().items()}


def concatenating_state() -> State:
    torch.manual_seed(0)
    return as_if_trained(ConcatenatingPeer(50, 1)).state_dict()


FILES: dict[str, Callable[[], State]] = {
    "mmseg": of_ours("resnet18c", MMSEG, **PSP),
    "semseg": of_ours("resnet50s", semseg.NAMES, channels=8, branch_channels=8),
    "smp/upernet": of_ours(
        "resnet18",
        [*smp.UPERNET, (r"^backbone\.body\.", "encoder.")],
        architecture="upernet",
        channels=16,
        feature_norm=True,
        aux=False,
        align_logits=True,
    ),
    "torchvision/fcn": of_ours("resnet18", torchvision.NAMES, architecture="fcn", channels=8),
    "torchvision/deeplabv3": of_ours("resnet18", torchvision_deeplab.NAMES, architecture="deeplabv3", channels=8),
    "transformers/resnet": of_ours("resnet18", transformers.NAMES, architecture="upernet", channels=16, aux_channels=8),
    "pspnet-pytorch": of_ours(
        "resnet50",
        [*pspnet_pytorch.RESNET, *pspnet_pytorch.NETWORK],
        architecture="pspnet_multilabel",
        channels=128,
        branch="linear",
        aux_channels=8,
    ),
    "pspnet-mobilenetv2": of_ours(
        "resnet18",
        [(r"^backbone\.body\.", "backbone."), *pspnet_mobilenetv2.NETWORK],
        channels=16,
        aux=False,
    ),
    "csail": of_ours("resnet18s", [*csail.RESNET, *csail.PPM], channels=16, aux=False),
    "csail/mobilenet": of_ours(
        "mobilenetv2_100", [*mobilenetv2("encoder.", flat=True), *csail.PPM], channels=16, aux=False
    ),
    "csail-baseline": of_ours("resnet18s", [*csail.RESNET, *csail.PPM], channels=16, aux=False),
    "smp/pspnet": of_ours(
        "resnet18",
        [*smp.PSPNET, (r"^backbone\.body\.", "encoder.")],
        output_stride=32,
        channels=16,
        branch="norm_but_one",
        kernel=1,
        classifier_kernel=3,
        aux=False,
    ),
    "upernet-concat": concatenating_state,
    "transformers/convnext": of_ours(
        "convnext_tiny",
        transformers_convnext.NAMES,
        architecture="upernet",
        channels=16,
        aux_channels=8,
        feature_norm=True,
    ),
    "caffe": caffe_state,
    "unifiedparsing": unified_state,
}


@pytest.mark.parametrize("family", FILES)
def test_the_sigmoid_decides_in_every_family(family: str) -> None:
    state = FILES[family]()
    checkpoint = Checkpoint(state, "checkpoint")
    found = recognise(checkpoint, family.partition("/")[0])
    assert isinstance(found, Recognised) and found.recognition.num_classes == 1
    network, account = convert(checkpoint, found, config := configure(found, {}))
    assert network.num_classes == 2 and account.used > 0
    assert config.network.threshold == network.threshold == (0.3 if family == "mmseg" else 0.5)
    assert [one.name for one in found.recognition.open].count("network.threshold") == 1
    with torch.inference_mode():
        logits = network(torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))).logits
    assert logits.shape[1] == 2 and logits[:, 0].abs().max() == 0 and logits[:, 1].std() > 0
    torch.testing.assert_close(logits.softmax(dim=1)[:, 1], logits[:, 1].sigmoid())
    classifier = next(value for name, value in state.items() if value.ndim == 4 and value.shape[0] == 1)
    kept = [value[1:] for value in network.state_dict().values() if value.ndim == 4 and value.shape[0] == 2]
    assert any(torch.equal(value, classifier) for value in kept)


def test_every_family_has_a_file_of_one_logit() -> None:
    # Not here: what transformers splits into queries, keys and values before it saves it.
    assert {"transformers/swin", "transformers/dinov2"} | {*FILES} >= {*FAMILIES}


CONFIGURATION = """
model = dict(type='EncoderDecoder',
    backbone=dict(type='ResNetV1c', depth=18, dilations=(1, 1, 2, 4), strides=(1, 2, 1, 1), contract_dilation=True),
    decode_head=dict(type='PSPHead', num_classes={classes}, {more}align_corners=False), test_cfg=dict(mode='whole'))
"""


def mmseg(folder: Path, classes: int, more: str, names: tuple[str, ...], **changes: Any) -> ImportedModel:
    torch.save(
        {
            "meta": {"cfg": CONFIGURATION.format(classes=classes, more=more), "dataset_meta": {"classes": names}},
            "state_dict": FILES["mmseg"](),
        },
        folder / "iter.pth",
    )
    from sceneparse.weights.importing.checkpoint import import_checkpoint

    found = import_checkpoint(folder / "iter.pth", **changes)
    assert isinstance(found, ImportedModel)
    return found


@pytest.mark.parametrize(
    ("classes", "more", "names", "threshold", "called"),
    [
        (1, "out_channels=1, ", ("crack",), 0.3, ("background", "crack")),
        (2, "out_channels=1, threshold=0.55, ", ("sound", "crack"), 0.55, ("sound", "crack")),
        (2, "out_channels=1, ", ("background", "vessel"), 0.3, ("background", "vessel")),
        (1, "threshold=0.5, ", ("background",), 0.5, ("background", "foreground")),
    ],
)
def test_mmsegmentations_threshold_and_names_are_its_own(
    classes: int, more: str, names: tuple[str, ...], threshold: float, called: tuple[str, ...], tmp_path: Path
) -> None:
    found = mmseg(tmp_path, classes, more, names)
    assert found.model.config.network.threshold == threshold and found.model.labels.names == called
    assert found.warnings == () and "given in the checkpoint" in found.classes
    given = mmseg(tmp_path, classes, more, names, network={"threshold": 0.8})
    assert given.model.network.threshold == 0.8


@pytest.mark.parametrize("threshold", ["0", "1.5"])
def test_a_threshold_that_no_probability_can_be_on_both_sides_of_is_refused(threshold: str, tmp_path: Path) -> None:
    from sceneparse.errors import UserError

    with pytest.raises(UserError, match="decides at the threshold"):
        mmseg(tmp_path, 1, f"threshold={threshold}, ", ("crack",))


@pytest.mark.parametrize(
    ("labels", "called"),
    [
        (["lane"], ("background", "lane")),
        (["no lane", "lane"], ("no lane", "lane")),
        (None, ("background", "foreground")),
    ],
)
def test_names_that_a_user_gives_may_leave_the_background_out(
    labels: list[str] | None, called: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "classes.json"
    path.write_text(json.dumps({"names": labels or ["x"]}))
    found = imported(FILES["torchvision/fcn"](), tmp_path, labels=path if labels else None)
    assert found.model.labels.names == called
    assert any(warning.startswith("network.threshold: taken as 0.5") for warning in found.warnings)
    assert any("one logit" in why for why in found.why)


PICTURE = (torch.rand(3, 12, 16, generator=torch.Generator().manual_seed(2)) * 255).repeat_interleave(8, 1)
PICTURE = PICTURE.repeat_interleave(8, 2).to(torch.uint8)

EXACT = {"INFERENCE_PRECISION_HINT": "f32"}

PROTOCOLS = {
    "whole": ProtocolSettings("whole"),
    "flip": ProtocolSettings("whole", flip=True),
    "probabilities": ProtocolSettings("whole", flip=True, average="probabilities"),
    "windows": ProtocolSettings("whole", window=(64, 64), stride=0.66),
    "scales": ProtocolSettings("whole", scales=(0.75, 1.0), average="probabilities"),
}


@pytest.fixture(scope="module")
def model() -> Model:
    """A model whose sigmoid is around a half, with a threshold of 0.3."""
    checkpoint = Checkpoint(FILES["torchvision/fcn"](), "checkpoint")
    found = recognise(checkpoint, "torchvision")
    assert isinstance(found, Recognised)
    config = configure(found, {"network": {"threshold": 0.3}})
    network, _ = convert(checkpoint, found, config)
    return spread(network, config)


def spread(network: SceneParser, config: ModelConfig) -> Model:
    """A model of the network whose sigmoid is on both sides of a half and of 0.3."""
    engine = TorchEngine(network, config.preprocessing, device="cpu", precision="float32")
    logits, head = engine(PICTURE[None])[0, 1], network.get_submodule("head.classifier")
    assert isinstance(head, torch.nn.Conv2d) and head.bias is not None
    with torch.no_grad():
        head.bias[1] = (head.bias[1] - logits.mean()) * 2 / logits.std() - 0.6
        head.weight.mul_(2 / logits.std())
    return Model(network, config, LabelSpace(("background", "crack")), None)


@pytest.fixture(scope="module")
def small_model() -> Model:
    """The same of a small network, whose first logit is always 0 as an import's."""
    torch.manual_seed(0)
    backbone, settings = BackboneSettings("test_resnet"), NetworkSettings("fcn", channels=8, aux=False, threshold=0.3)
    network = as_if_trained(build(backbone, settings, 2)).eval()
    classifier = network.get_submodule("head.classifier")
    assert isinstance(network, SceneParser) and isinstance(classifier, torch.nn.Conv2d) and classifier.bias is not None
    with torch.no_grad():
        classifier.weight[0], classifier.bias[0] = 0, 0
    return spread(
        network, ModelConfig("small", backbone, settings, PreprocessingSettings(), ProtocolSettings(), DataSettings())
    )


@pytest.mark.parametrize("name", PROTOCOLS)
def test_labels_are_the_sigmoids_at_its_threshold_under_every_protocol(model: Model, name: str) -> None:
    engine = TorchEngine(model.network, model.config.preprocessing, device="cpu", precision="float32")
    protocol = resolve(PROTOCOLS[name])
    found = scores(engine, PICTURE, protocol)
    sigmoid = found[1] if protocol.average == "probabilities" else (found[1] - found[0]).sigmoid()
    expected = (sigmoid > 0.3).to(torch.int16)
    assert 0.05 < float(expected.float().mean()) < 0.95 and ((sigmoid > 0.3) != (sigmoid > 0.5)).any()
    sure = (sigmoid - 0.3).abs() > 1e-5
    prediction = predict(engine, PICTURE, protocol)
    assert torch.equal(prediction.labels[sure], expected[sure])
    assert torch.equal(label(engine, PICTURE, protocol)[sure], expected[sure])
    batch = predict_batch(engine, torch.stack([PICTURE, PICTURE]), protocol)[1]
    assert torch.equal(batch.labels[sure], expected[sure])
    own = torch.where(prediction.labels == 1, sigmoid, 1 - sigmoid)
    torch.testing.assert_close(prediction.confidence, own, rtol=0, atol=1e-5)


@pytest.mark.parametrize("form", ["onnx", "openvino", pytest.param("torch", marks=slow)])
def test_exported_programs_decide_as_the_sigmoid(small_model: Model, form: str, tmp_path: Path) -> None:
    model = small_model
    suffix = {"onnx": ".onnx", "openvino": ".xml", "torch": ".pt2"}[form]
    path = export_model(model, tmp_path / f"model{suffix}", form)  # type: ignore[arg-type]
    images = PICTURE[None].float()
    engine = TorchEngine(model.network, model.config.preprocessing, device="cpu", precision="float32")
    full = resize(engine(images), (96, 128), engine.align_corners)[0]
    sigmoid = (full[1] - full[0]).sigmoid()
    expected, sure = sigmoid > 0.3, (sigmoid - 0.3).abs() > 1e-4
    if form == "torch":
        labels = torch.export.load(path).module()(images)[1][0]
    elif form == "onnx":
        onnxruntime = pytest.importorskip("onnxruntime")
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        labels = torch.from_numpy(session.run(["labels"], {"images": images.numpy()})[0][0])
    else:
        openvino = pytest.importorskip("openvino")
        labels = torch.from_numpy(openvino.compile_model(path, "CPU", EXACT)(images.numpy())["labels"][0])
    assert torch.equal(labels[sure] == 1, expected[sure])
    if form != "torch":
        opened, note = open_exported(path, device="cpu", precision="float32")
        assert note.traits.threshold == 0.3
        found = predict(opened, PICTURE, resolve(ProtocolSettings("whole"))).labels
        assert torch.equal(found[sure] == 1, expected[sure])


def test_a_threshold_needs_two_classes_and_is_kept_in_the_model_folder(model: Model, tmp_path: Path) -> None:
    from sceneparse.errors import UserError
    from sceneparse.weights.model import load_model, save_model

    save_model(tmp_path / "model", model, "a card")
    assert load_model(tmp_path / "model").network.threshold == 0.3
    settings = replace(NetworkSettings("fcn", channels=8), threshold=0.3)
    with pytest.raises(UserError, match=r"network\.threshold is 0\.3, but there are 3 classes: it decides between two"):
        build(BackboneSettings("resnet10t"), settings, 3)
    with pytest.raises(UserError, match="must be above 0 and below 1"):
        NetworkSettings(threshold=1.0)


def test_caffe_is_among_the_families() -> None:
    assert caffe.FAMILY.recognise({key: tuple(value.shape) for key, value in caffe_state().items()}) is not None
