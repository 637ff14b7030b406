"""Names of files that do not overwrite each other."""

from pathlib import Path

import pytest
from PIL import Image

from sceneparse.errors import UserError
from sceneparse.inference import Opened, TorchEngine
from sceneparse.parsing import Parser, predict_pictures
from sceneparse.parsing.artefacts.artefact import Artefact, Inputs
from sceneparse.parsing.artefacts.file_names import name_of, refuse_collisions, refuse_records, stem_of
from sceneparse.parsing.artefacts.table import ARTEFACTS
from tests.support.unified import unified_model

ALL = ("labels", "parts", "materials", "textures", "overlay", "panels")


@pytest.fixture
def unified() -> Parser:
    model = unified_model()
    engine = TorchEngine(model.network, model.config.preprocessing, device="cpu", precision="float32")
    return Parser(Opened(engine, model.config, model.labels, "f", None, model.tasks))


def test_a_picture_called_like_anothers_parts_is_refused_before_anything_is_written(
    unified: Parser, pictures: Path, tmp_path: Path
) -> None:
    Image.open(pictures / "a.png").save(pictures / "below" / "d_parts.png")
    with pytest.raises(UserError) as caught:
        predict_pictures(unified, [pictures], tmp_path / "out", progress=False)
    assert str(caught.value) == (
        f"{pictures / 'below' / 'd_parts.png'}: its labels and the parts of {pictures / 'below' / 'd.png'} would both "
        "be written to below/d_parts.png; rename one of the two, or parse them into different folders"
    )
    assert not (tmp_path / "out").exists()


def test_without_parts_there_is_no_collision(parser: Parser, pictures: Path, tmp_path: Path) -> None:
    Image.open(pictures / "a.png").save(pictures / "b_parts.png")
    assert predict_pictures(parser, [pictures], tmp_path / "out", progress=False).done == 5


def test_a_picture_called_parts_alone_collides_with_nothing() -> None:
    refuse_collisions(lambda: [("x_parts", "x_parts.jpg"), ("below/x", "below/x.jpg")], ALL)


def test_the_json_of_a_picture_can_be_in_the_way_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ARTEFACTS._own, "outlines", "sceneparse.parsing.artefacts.label_maps:LABELS")
    monkeypatch.setitem(ARTEFACTS._loaded, "outlines", Artefact("outlines", "_outlines.json", lambda _: "{}"))
    with pytest.raises(
        UserError, match=r"its JSON and the outlines of a\.jpg would both be written to a_outlines\.json"
    ):
        refuse_collisions(lambda: [("a", "a.jpg"), ("a_outlines", "a_outlines.jpg")], ("labels", "outlines"))


def test_pictures_are_gone_through_once_where_no_name_can_collide() -> None:
    times = []

    def pictures() -> list[tuple[str, str]]:
        times.append(1)
        return [("x", "x.jpg"), ("y", "y.jpg")]

    refuse_collisions(pictures, ALL)
    assert len(times) == 1
    refuse_collisions(pictures, ("labels", "overlay"))
    assert len(times) == 1


def test_names_of_pictures_never_meet_the_summary_or_each_other() -> None:
    names = ["summary", "summary-picture", "summary-picture-picture", "a", "below/summary"]
    stems = [stem_of(name) for name in names]
    assert len(set(stems)) == len(names) and "summary" not in stems
    assert [name_of(stem) for stem in stems] == names
    assert stems[3:] == ["a", "below/summary"] and stem_of("Summary") == "Summary-picture"


def test_the_overlay_of_a_picture_too_long_for_a_jpeg_can_be_in_the_way() -> None:
    def both() -> list[tuple[str, str]]:
        return [("x", "x.jpg"), ("x_overlay", "x_overlay.jpg")]

    refuse_collisions(both, ("labels", "overlay"), lambda _: (100, 200))
    refuse_collisions(both, ("labels", "overlay"), lambda _: None)
    with pytest.raises(UserError, match=r"overlay of x\.jpg would both be written to x_overlay\.png"):
        refuse_collisions(both, ("labels", "overlay"), {"x.jpg": (100, 70000)}.get)


def test_a_picture_whose_files_would_be_another_input_s_is_refused() -> None:
    def refuse(name: str, **others: str) -> None:
        known: dict[Inputs, list[tuple[str, str]]] = {
            "videos": [(others.get("video", "v"), "v.mp4")],
            "volumes": [(others.get("volume", "ct"), "ct.nii.gz")],
            "rasters": [(others.get("raster", "s"), "s.tif")],
        }
        refuse_records([("x", "x.jpg"), (name, f"{name}.jpg")], known)

    refuse("below/v_video")
    refuse("s_polygons")
    for name, other, file in (
        ("v_video", "JSON of v.mp4", "v_video.json"),
        ("v_timeline", "timeline of v.mp4", "v_timeline.png"),
        ("ct_volume", "JSON of ct.nii.gz", "ct_volume.json"),
        ("ct_montage", "montage of ct.nii.gz", "ct_montage.png"),
        ("s_raster", "JSON of s.tif", "s_raster.json"),
    ):
        with pytest.raises(UserError, match=f"{name}.jpg: its parse and the {other} would both be written to {file};"):
            refuse(name)
    with pytest.raises(UserError, match=r"would both be written to b/v_timeline\.png"):
        refuse("b/v_timeline", video="b/v")
