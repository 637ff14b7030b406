import pytest
import torch

from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.processes import join

WORDS = {
    "predict": ["predict", "model", "picture.png", "--out", "out"],
    "bench": ["bench", "ade20k-fcn50"],
}


@pytest.mark.parametrize("verb", WORDS)
def test_a_device_of_no_such_name_is_refused_before_anything_is_opened(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        raise SystemExit(main([*WORDS[verb], "--device", "gpu"]))
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "--device: device 'gpu' is unknown: use auto, cpu, cuda, cuda:N, mps, xpu or xpu:N" in said


@pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator")
@pytest.mark.parametrize(
    ("device", "found"), [("mps", "0 MPS devices ("), ("xpu:1", "0 XPU devices that this PyTorch")]
)
def test_a_device_that_is_not_there_is_one_line(device: str, found: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "ade20k-fcn50", "--device", device]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert said[0].startswith(f"error: device '{device}' is not there: this machine has {found}")
    assert said[0].endswith("; use --device cpu")


def test_several_processes_do_not_meet_on_an_apple_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": 0, "WORLD_SIZE": 2, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 2}.items():
        monkeypatch.setenv(name, str(value))
    with pytest.raises(UserError, match="on CPUs or on CUDA devices, not on mps: start one, without --devices"):
        join("mps")
