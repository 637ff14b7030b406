"""The comparison with other packages: what its rows say, on small networks."""

import json
import sys
from typing import Any

import pytest
import torch


def rows(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> list[dict[str, Any]]:
    """The JSON lines that the command prints, by name and precision."""
    import peers

    options = ["--quick", "--json", "--repeats", "1", "--device", "cpu", *arguments]
    monkeypatch.setattr(sys, "argv", ["peers.py", *options])
    peers.main()
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_training_step_has_the_same_loss_in_the_plain_form(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = rows(
        capsys, monkeypatch, "training", "--network", "upernet50", "--rows", "plain", "--batch", "2", "--no-memory"
    )
    assert [row["row"] for row in found] == ["sceneparse", "sceneparse", "plain", "plain"]
    assert all(row["loss_difference"] < (1e-5 if row["precision"] == "float32" else 0.02) for row in found)


@pytest.mark.parametrize(
    ("package", "name", "network"),
    [("transformers", "transformers UperNet", "upernet50"), ("torchvision", "torchvision FCN", "fcn50")],
)
def test_a_peer_of_the_same_architecture_has_our_weights_and_gives_our_labels(
    package: str, name: str, network: str
) -> None:
    pytest.importorskip(package)
    from peer_networks import CASES, PEERS, PREPROCESSING, imitate_training, main_logits
    from sceneparse.networks import normalize, resize

    case = CASES[network].quick()
    ours = case.ours("exact")
    state = imitate_training(ours, case)
    peer = PEERS[name].make(case).eval()
    PEERS[name].load(peer, state)
    pixels = normalize(case.picture(), PREPROCESSING.mean, PREPROCESSING.std)
    with torch.no_grad():
        expected = resize(ours.eval()(pixels).logits, (case.side, case.side), False)
        torch.testing.assert_close(main_logits(peer(pixels)), expected, rtol=1e-4, atol=1e-4)


def test_a_package_that_is_missing_is_a_row_that_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import peer_bench
    from peer_networks import CASES

    monkeypatch.setattr(peer_bench, "find_spec", lambda _: None)
    given = peer_bench.Given(repeats=1, warm_up=0, batch=1, rows=(), memory=False)
    bench = peer_bench.Bench("inference", CASES["upernet50"].quick(), given, torch.device("cpu"))
    notes = {row.name: figures.note for row, figures in bench.figures.items()}
    assert notes["transformers UperNet, as it is"] == "not installed: pip install 'sceneparse[bench]'"
    assert {row.network for row in bench.measured()} == {"sceneparse", "plain"}


def test_a_ratio_is_the_median_of_the_rounds_ratios_with_their_quartiles() -> None:
    from peer_measuring import ratio

    assert ratio([2, 4, 6, 8, 10], [1, 1, 1, 1, 1]) == (6, 4, 8)
    assert ratio([3], [2]) == (1.5, 1.5, 1.5)
