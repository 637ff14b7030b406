import pytest
import torch

from sceneparse.errors import UserError
from sceneparse.networks.backbones import make_backbone


def test_stage_3_is_taken_one_block_later_and_the_rest_stays() -> None:
    torch.manual_seed(0)
    later = make_backbone("mobilenetv2_100", output_stride=8, dilation="half", stage3_end="next_block").eval()
    usual = make_backbone("mobilenetv2_100", output_stride=8, dilation="half").eval()
    usual.load_state_dict(later.state_dict())
    images = torch.randn(1, 3, 65, 48)
    with torch.inference_mode():
        got, expected = later(images), usual(images)
        assert all(torch.equal(got[stage], expected[stage]) for stage in (0, 1, 3))
        block = usual.body.get_submodule("blocks.5.0")
        assert torch.equal(got[2], block(expected[2]))
    assert later.channels == [maps.shape[1] for maps in got] == [24, 32, 160, 320]


@pytest.mark.parametrize(("name", "output_stride"), [("resnet18", 8), ("mobilenetv2_100", 16), ("mobilenetv2_100", 32)])
def test_it_is_refused_elsewhere(name: str, output_stride: int) -> None:
    with pytest.raises(UserError, match=r"backbone\.stage3_end is next_block"):
        make_backbone(name, output_stride=output_stride, stage3_end="next_block")
