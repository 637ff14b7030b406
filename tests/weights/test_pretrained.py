from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.networks import SceneParser
from sceneparse.settings import BackboneSettings, NetworkSettings
from sceneparse.weights import reaching
from sceneparse.weights.asked import refuse_unobtainable
from sceneparse.weights.build import build
from sceneparse.weights.pretrained import load_backbone, resolve_padding

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "weights" / "mobilenetv2_100_in1k_tf_int8deq.safetensors"


def network(settings: BackboneSettings) -> SceneParser:
    return build(settings, NetworkSettings(architecture="fcn", channels=8, output_stride=32), 3)


def classifier(name: str) -> dict[str, Tensor]:
    """Weights of a whole classification network in timm's names, none of them at its initial value."""
    torch.manual_seed(1)
    state = timm.create_model(name, pretrained=False).state_dict()
    return {key: torch.rand_like(value) if value.is_floating_point() else value for key, value in state.items()}


def assert_loaded(target: SceneParser, state: dict[str, Tensor]) -> None:
    for key, value in target.backbone.body.state_dict().items():
        assert torch.equal(value, state[key]), key


@pytest.mark.parametrize("name", ["resnet10t", "mobilenetv2_035", "resnet50s"])
def test_a_classification_network_fills_the_whole_backbone(name: str, tmp_path: Path) -> None:
    state = classifier(name)
    save_file(state, tmp_path / "w.safetensors")
    settings = BackboneSettings(name, weights=str(tmp_path / "w.safetensors"))
    target = network(settings)
    load_backbone(target, settings)
    assert_loaded(target, state)


def test_a_model_that_timm_flattens_for_its_features_is_filled(tmp_path: Path) -> None:
    state = classifier("convnext_atto")
    torch.save(state, tmp_path / "w.pt")
    settings = BackboneSettings("convnext_atto", weights=str(tmp_path / "w.pt"))
    target = network(settings)
    load_backbone(target, settings)
    assert_loaded(target, {key.replace(".", "_", 1): value for key, value in state.items()})


@pytest.mark.parametrize("key", ["state_dict", "model", None])
def test_checkpoints_may_nest_their_weights_and_carry_module(key: str | None, tmp_path: Path) -> None:
    state = classifier("resnet10t")
    content = {f"module.{name}": value for name, value in state.items() if "num_batches_tracked" not in name}
    torch.save({key: content, "epoch": 3} if key else content, tmp_path / "w.pth")
    settings = BackboneSettings("resnet10t", weights=str(tmp_path / "w.pth"))
    target = network(settings)
    load_backbone(target, settings)
    assert_loaded(target, state)


def test_torchvisions_names_are_understood(tmp_path: Path) -> None:
    state = torchvision.models.resnet18().state_dict()
    torch.save(state, tmp_path / "w.pth")
    settings = BackboneSettings("resnet18", weights=str(tmp_path / "w.pth"))
    target = network(settings)
    load_backbone(target, settings)
    assert_loaded(target, state)


def test_the_deep_stem_of_the_original_release_is_understood(tmp_path: Path) -> None:
    state = classifier("resnet50s")
    theirs = {"conv1.0.": "conv1.", "conv1.1.": "bn1.", "conv1.3.": "conv2.", "conv1.4.": "bn2.", "conv1.6.": "conv3."}
    theirs["bn1."] = "bn3."
    content = {}
    for name, value in state.items():
        ours = next((prefix for prefix in theirs if name.startswith(prefix)), "")
        content[theirs.get(ours, "") + name[len(ours) :]] = value
    torch.save(content, tmp_path / "w.pth")
    settings = BackboneSettings("resnet50s", weights=str(tmp_path / "w.pth"))
    target = network(settings)
    load_backbone(target, settings)
    assert_loaded(target, state)


@pytest.mark.parametrize("channels", [1, 4])
def test_the_first_convolution_is_adapted_to_other_channels(channels: int, tmp_path: Path) -> None:
    """A picture whose channels are all equal gives the same response as with three channels."""
    state = classifier("mobilenetv2_035")
    save_file(state, tmp_path / "w.safetensors")
    settings = BackboneSettings("mobilenetv2_035", weights=str(tmp_path / "w.safetensors"), in_channels=channels)
    target = network(settings)
    load_backbone(target, settings)
    adapted = target.backbone.body.get_parameter("conv_stem.weight")
    assert adapted.shape[1] == channels
    grey = state["conv_stem.weight"].sum(1)
    if channels == 1:
        torch.testing.assert_close(adapted[:, 0], grey)
    else:
        torch.testing.assert_close(adapted[:, 3], adapted[:, 0])
        torch.testing.assert_close(adapted[:, :3], state["conv_stem.weight"] * 3 / 4)


def refused(settings: BackboneSettings, message: str) -> None:
    target = network(settings)
    before = {name: value.clone() for name, value in target.state_dict().items()}
    with pytest.raises(UserError, match=message) as caught:
        load_backbone(target, settings)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(value, before[name]) for name, value in target.state_dict().items())


def test_weights_that_do_not_fit_are_refused_with_the_first_names(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    settings = BackboneSettings("resnet10t", weights=str(path))
    state = classifier("resnet10t")
    save_file({name: value for name, value in state.items() if not name.startswith("layer4")}, path)
    refused(settings, r"it lacks layer4\.0\.conv1\.weight.* and \d+ more")
    save_file(state | {"layer5.weight": torch.zeros(2)}, path)
    refused(settings, r"it also has layer5\.weight")
    save_file(state | {"layer1.0.conv1.weight": torch.zeros(64, 64, 1, 1)}, path)
    refused(settings, r"layer1\.0\.conv1\.weight is 64 x 64 x 1 x 1, but should be 64 x 64 x 3 x 3")
    save_file(classifier("mobilenetv2_035"), path)
    refused(settings, "not weights of backbone resnet10t")


def test_files_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    refused(BackboneSettings("resnet10t", weights=str(tmp_path / "none.pth")), "no file")
    refused(BackboneSettings("resnet10t", weights="none"), "did you mean null")
    (tmp_path / "w.bin").write_bytes(b"x")
    refused(BackboneSettings("resnet10t", weights=str(tmp_path / "w.bin")), r"must be a \.safetensors, \.pth or \.pt")
    for name in ("broken.pth", "broken.safetensors"):
        (tmp_path / name).write_bytes(b"not weights")
        refused(BackboneSettings("resnet10t", weights=str(tmp_path / name)), "broken")
    torch.save([1, 2], tmp_path / "list.pth")
    refused(BackboneSettings("resnet10t", weights=str(tmp_path / "list.pth")), "holds no state_dict")


def test_nothing_in_a_checkpoint_is_ever_run(tmp_path: Path) -> None:
    torch.save({"model": BackboneSettings()}, tmp_path / "w.pth")  # any class of ours would have to be imported
    refused(BackboneSettings("resnet10t", weights=str(tmp_path / "w.pth")), "cannot be read as plain weights")


def test_no_weights_leave_the_backbone_as_it_is() -> None:
    settings = BackboneSettings("resnet10t")
    target = network(settings)
    before = target.backbone.body.get_parameter("conv1.0.weight").clone()
    load_backbone(target, settings)
    assert torch.equal(target.backbone.body.get_parameter("conv1.0.weight"), before)


def test_the_hubs_weights_come_through_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    create: Any = timm.create_model
    asked: dict[str, Any] = {}

    def create_model(name: str, pretrained: bool = False, **options: object) -> Any:
        asked.update(options, name=name) if pretrained else None
        model = create(name, pretrained=False, **options)
        torch.nn.init.constant_(model.conv1[0].weight, 0.25)
        return model

    settings = BackboneSettings("resnet10t", weights="hub", in_channels=4)
    target = network(settings)
    monkeypatch.setattr(timm, "create_model", create_model)
    load_backbone(target, settings)
    assert (target.backbone.body.get_parameter("conv1.0.weight") == 0.25).all()
    assert asked["name"] == "resnet10t" and asked["in_chans"] == 4


def test_without_a_network_the_hub_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = BackboneSettings("resnet10t", weights="hub")
    target = network(settings)

    def create_model(*_: object, **__: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(timm, "create_model", create_model)
    monkeypatch.setattr(reaching, "reachable", lambda _: True)
    with pytest.raises(
        UserError,
        match=r"could not be fetched \(no network\); where there is a network, fetch https://huggingface\.co/timm/"
        r"resnet10t\.c3_in1k/resolve/main/model\.safetensors, and give that file: "
        r"backbone=\{'weights': 'model\.safetensors'\}; null starts from random weights",
    ):
        load_backbone(target, settings)


def test_before_anything_is_loaded_the_hub_is_refused_where_there_is_neither_a_network_nor_anything_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = BackboneSettings("resnet10t", weights="hub")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(reaching, "reachable", lambda _: False)
    with pytest.raises(
        UserError, match=r"resnet10t: .* \(no network: .* cannot be reached\); .*timm/resnet10t\.c3_in1k/"
    ):
        refuse_unobtainable(settings)
    (tmp_path / "hub" / "models--timm--resnet10t.c3_in1k").mkdir(parents=True)
    refuse_unobtainable(settings)
    refuse_unobtainable(BackboneSettings("resnet10t"))


def test_weights_of_another_backbone_are_refused_as_such_whatever_padding_they_name(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors", metadata={"pad_type": "same"})
    settings = resolve_padding(BackboneSettings("resnet10t", weights=str(tmp_path / "other.safetensors")))
    assert settings.padding == "symmetric"
    with pytest.raises(UserError, match=r"other\.safetensors: not weights of backbone resnet10t: it lacks"):
        load_backbone(network(settings), settings)


def test_padding_comes_from_the_settings_then_the_file_then_is_symmetric(tmp_path: Path) -> None:
    def padding(**options: object) -> str | None:
        return resolve_padding(BackboneSettings("mobilenetv2_035", **options)).padding  # type: ignore[arg-type]

    tensors = {"x": torch.zeros(1)}
    save_file(tensors, tmp_path / "tf.safetensors", metadata={"pad_type": "same"})
    save_file(tensors, tmp_path / "pt.safetensors", metadata={"pad_type": ""})
    save_file(tensors, tmp_path / "silent.safetensors")
    save_file(tensors, tmp_path / "odd.safetensors", metadata={"pad_type": "mirror"})
    assert padding() == "symmetric"
    assert padding(weights=str(tmp_path / "tf.safetensors")) == "same"
    assert padding(weights=str(tmp_path / "tf.safetensors"), padding="symmetric") == "symmetric"
    assert padding(weights=str(tmp_path / "pt.safetensors")) == "symmetric"
    assert padding(weights=str(tmp_path / "silent.safetensors")) == "symmetric"
    assert padding(weights="hub") == "symmetric"
    assert resolve_padding(BackboneSettings("tf_mobilenetv3_small_075", weights="hub")).padding == "same"
    with pytest.raises(UserError, match="pad_type 'mirror'"):
        padding(weights=str(tmp_path / "odd.safetensors"))
    with pytest.raises(UserError, match="no file"):
        padding(weights=str(tmp_path / "none.safetensors"))


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "efficientnet_lite0"])
def test_a_file_of_timms_is_padded_as_timm_does_it(name: str, suffix: str, tmp_path: Path) -> None:
    path, state = tmp_path / f"w.{suffix}", classifier(name)
    # timm's own files say their form alone.
    save_file(state, path, {"format": "pt"}) if suffix == "safetensors" else torch.save(state, path)
    settings = resolve_padding(BackboneSettings(name, weights=str(path)))
    assert settings.padding == resolve_padding(BackboneSettings(name, weights="hub")).padding
    target, peer = network(settings), timm.create_model(name, features_only=True, pretrained=False)
    load_backbone(target, settings)
    peer.load_state_dict({key: state[key] for key in peer.state_dict()})
    images = torch.randn(1, 3, 65, 94)
    with torch.inference_mode():
        expected, found = peer.eval()(images)[-1], target.backbone.eval()(images)[-1]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert resolve_padding(BackboneSettings(name)).padding == "symmetric"  # nothing was trained


@pytest.mark.skipif(not REAL.exists(), reason="the real MobileNetV2 weights are not beside this checkout")
def test_real_weights_give_the_features_of_the_classifier_they_come_from() -> None:
    from safetensors.torch import load_file

    settings = resolve_padding(BackboneSettings("mobilenetv2_100", weights=str(REAL)))
    assert settings.padding == "same"
    target = network(settings)
    load_backbone(target, settings)
    whole: Any = timm.create_model("mobilenetv2_100", pretrained=False, pad_type="same").eval()
    whole.load_state_dict(load_file(REAL))
    torch.manual_seed(0)
    images = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        expected = whole.blocks(whole.bn1(whole.conv_stem(images)))
        torch.testing.assert_close(target.backbone.eval()(images)[3], expected, rtol=1e-4, atol=1e-4)


def test_torchvisions_squeezenet_fills_the_backbone_made_for_stride_8(tmp_path: Path) -> None:
    from torchvision.models import squeezenet1_1

    source = squeezenet1_1(weights=None)
    torch.save(source.state_dict(), tmp_path / "squeezenet.pth")
    settings = BackboneSettings("squeezenet1_1_stride8", weights=str(tmp_path / "squeezenet.pth"))
    target = build(settings, NetworkSettings(architecture="fcn", channels=8), 3)
    load_backbone(target, settings)
    assert torch.equal(
        target.backbone.get_parameter("body.features.12.expand3x3.bias"), source.features[12].expand3x3.bias
    )
    hub = BackboneSettings("squeezenet1_1_stride8", weights="hub")
    with pytest.raises(UserError, match="timm has no weights"):
        load_backbone(target, resolve_padding(hub))
