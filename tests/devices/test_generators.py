from types import SimpleNamespace

import pytest
import torch

from sceneparse.devices.generators import kept_generators


def test_the_cpus_generator_goes_on_where_it_was() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with kept_generators(torch.device("cpu")):
        torch.manual_seed(5)
        torch.rand(7)
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize("name", ["mps", "xpu:1"])
def test_the_generator_of_a_device_is_put_back_also_after_an_error(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    device, states = torch.device(name), {"now": 1}
    own = () if device.type == "mps" else (device,)

    def get(*given: torch.device) -> int:
        assert given == own
        return states["now"]

    def put(state: int, *given: torch.device) -> None:
        assert given == own
        states["now"] = state

    monkeypatch.setattr(torch, "get_device_module", lambda _: SimpleNamespace(get_rng_state=get, set_rng_state=put))
    with pytest.raises(ValueError, match="stop"), kept_generators(device):
        states["now"] = 2
        raise ValueError("stop")
    assert states == {"now": 1}
