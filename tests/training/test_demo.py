import json
from pathlib import Path

import pytest

from sceneparse.inference import choosing
from sceneparse.recipes import read_recipe
from sceneparse.recipes.changes import Changes
from sceneparse.training import demo as module

SHORT: Changes = {
    "training": {"iterations": 2, "batch": 2, "validate_every": 0, "validate_count": 1},
    "data": {"toyworld": {"size": 64, "eval_count": 6}, "workers": 0},
    "augmentation": {"crop": [64, 64]},
}


def test_the_demo_leaves_models_figures_a_report_and_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "read_recipe", lambda name: read_recipe(name, **SHORT))
    monkeypatch.setattr(choosing, "find_spec", lambda _: None)  # by PyTorch, which needs no conversion
    report = module.demo(tmp_path, seed=3)
    assert report == tmp_path / "evaluation" / "report.html" and "Where they differ" in report.read_text()
    for metrics in ("metrics.json", "metrics-fcn.json"):
        assert 0 <= json.loads((tmp_path / "evaluation" / metrics).read_text())["mean_iou"] <= 1
    assert (tmp_path / "overview.png").is_file()
    assert len(list((tmp_path / "parsed").glob("*_overlay.jpg"))) == 6
    weights = (tmp_path / "pspnet" / "model" / "model.safetensors").stat().st_mtime_ns
    module.demo(tmp_path, seed=3)
    assert (tmp_path / "pspnet" / "model" / "model.safetensors").stat().st_mtime_ns == weights


def test_the_two_networks_of_the_demo_differ_in_nothing_but_the_pyramid() -> None:
    pspnet, fcn = (read_recipe(f"toy-{name}") for name in ("pspnet", "fcn"))
    assert (pspnet.backbone, pspnet.data, pspnet.augmentation) == (fcn.backbone, fcn.data, fcn.augmentation)
    assert (pspnet.optimizer, pspnet.loss, pspnet.training) == (fcn.optimizer, fcn.loss, fcn.training)
    assert pspnet.network.channels == fcn.network.channels
