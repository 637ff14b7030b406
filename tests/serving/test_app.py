"""What the service answers, asked over its socket."""

import base64
import hashlib
import json
import re
import zlib
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sceneparse.pictures.headers import Header
from sceneparse.serving.schema import EXAMPLE, ModelsAnswer, ParseAnswer, ProblemAnswer
from sceneparse.serving.settings import ServeSettings
from tests.support.deep_png import deep_png
from tests.support.served import Service, picture, plain_parser, serving, until

PNG = {"Content-Type": "image/png"}


def form(content: bytes, name: str = "image", filename: str = "../../etc/passwd") -> tuple[bytes, dict[str, str]]:
    """A multipart form with one file."""
    head = f'--edge\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n'
    return head.encode() + content + b"\r\n--edge--\r\n", {"Content-Type": "multipart/form-data; boundary=edge"}


def problem(answer: Any, status: int, code: str) -> str:
    """The words of a problem, which must have this status and kind."""
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json"), answer.body[:300]
    said = ProblemAnswer.model_validate(answer.json())
    assert (said.status, said.code) == (status, code)
    return said.detail


def test_json_tells_classes_masks_and_the_hash_of_what_was_sent(service: Service) -> None:
    content = picture()
    answer = service.ask("/v1/parse", content, PNG)
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    said = answer.json()
    ParseAnswer.model_validate(said)
    digest = hashlib.sha256(content).hexdigest()
    assert answer.headers["x-request-sha256"] == said["picture"]["sha256"] == digest
    assert (said["width"], said["height"], said["model"]) == (60, 40, "colours")
    assert {(one["name"], one["id"], one["share"]) for one in said["classes"]} == {
        ("brick", 7, 0.333333),
        ("grass", 0, 0.333333),
        ("water", 30, 0.333333),
    }
    masks = {one["name"]: one["rle"] for one in said["masks"]["objects"]}
    assert masks["brick"] == {"size": [40, 60], "counts": [0, 800, 1600]}
    assert masks["water"] == {"size": [40, 60], "counts": [1600, 800]}


@pytest.mark.parametrize("model", ["colours", "all tasks"])
def test_every_form_of_request_gives_the_same_parse(service: Service, model: str) -> None:
    content = picture((48, 64))
    path = f"/v1/parse?model={model.replace(' ', '%20')}"
    body, head = form(content)
    answers = [
        service.ask(path, content, PNG),
        service.ask(path, content),  # no type at all
        service.ask(path, content, {"Content-Type": "application/x-www-form-urlencoded"}),  # as curl --data-binary says
        service.ask(path, iter([content[:50], content[50:]]), PNG),
        service.ask(path, body, head),
        service.ask(
            path,
            json.dumps({"image": base64.b64encode(content).decode()}),
            {"Content-Type": "application/json; charset=utf-8"},
        ),
    ]
    said = [{key: value for key, value in answer.json().items() if key != "seconds"} for answer in answers]
    assert all(answer.status == 200 for answer in answers)
    assert all(one == said[0] for one in said[1:])


def test_a_label_map_has_the_ids_and_an_overlay_the_size_of_the_picture(service: Service) -> None:
    labels = service.ask("/v1/parse", picture(), {**PNG, "Accept": "image/png"})
    assert labels.headers["content-type"] == "image/png;kind=labels" and labels.headers["vary"] == "Accept"
    np.testing.assert_array_equal(np.array(labels.image())[0, ::20], [7, 0, 30])
    assert labels.image().mode == "P"
    for accept, kind in (("image/jpeg", "JPEG"), ("image/png;kind=overlay", "PNG")):
        overlay = service.ask("/v1/parse", picture(), {**PNG, "Accept": accept}).image()
        assert (overlay.format, overlay.size) == (kind, (60, 40))
    panels = service.ask("/v1/parse", picture(), {**PNG, "Accept": "image/png;kind=panels"}).image()
    assert panels.width > 60


def test_a_unified_model_tells_every_task(service: Service) -> None:
    path = "/v1/parse?model=all%20tasks"
    said = service.ask(path, picture((48, 64)), PNG).json()
    ParseAnswer.model_validate(said)
    assert set(said["masks"]) == {"objects", "parts", "materials", "textures"}
    assert {one["name"] for one in said["scene"]} == {"street", "field"} and said["objects"]
    for kind, names in (("materials", 4), ("textures", 2), ("parts", 3)):
        labels = service.ask(path, picture((48, 64)), {**PNG, "Accept": f"image/png;kind={kind}"})
        assert labels.headers["content-type"] == f"image/png;kind={kind}"
        assert set(np.unique(np.array(labels.image()))) <= {*range(names), 255}
    refused = service.ask("/v1/parse", picture(), {**PNG, "Accept": "image/png;kind=materials"})
    assert "image/png;kind=panels" in problem(refused, 406, "not-acceptable")


@pytest.mark.parametrize("model", ["colours", "all tasks"])
def test_the_confidence_of_every_pixel_is_answered_where_it_is_asked_for(service: Service, model: str) -> None:
    path = f"/v1/parse?model={model.replace(' ', '%20')}"
    answer = service.ask(path, picture((48, 64)), {**PNG, "Accept": "application/json;kind=confidence"})
    assert answer.headers["content-type"] == "application/json;kind=confidence"
    said = answer.json()
    ParseAnswer.model_validate(said)
    assert list(said["confidence"]) == list(said["masks"])
    for name, one in said["confidence"].items():
        sure = np.array(Image.open(BytesIO(base64.b64decode(one))))
        assert sure.shape == (48, 64) and sure.dtype == np.uint8
        for mask in said["masks"][name]:
            counts = mask["rle"]["counts"]
            inside = np.repeat(np.arange(len(counts)) % 2, counts).reshape(48, 64, order="F").astype(bool)
            assert abs(sure[inside].mean() / 255 - mask["confidence"]) < 0.003, mask["name"]
    grey = service.ask(path, picture((48, 64)), {**PNG, "Accept": "image/png;kind=confidence"}).image()
    alone = np.array(Image.open(BytesIO(base64.b64decode(said["confidence"]["objects"]))))
    np.testing.assert_array_equal(np.array(grey), alone)
    assert "confidence" not in service.ask(path, picture((48, 64)), PNG).json()


def test_models_are_chosen_by_name_and_listed_with_the_limits(service: Service) -> None:
    listed = service.ask("/v1/models").json()
    ModelsAnswer.model_validate(listed)
    assert [(one["name"], one["default"]) for one in listed["models"]] == [
        ("colours", True),
        ("shifted", False),
        ("all tasks", False),
    ]
    assert listed["models"][2]["tasks"] == ["object", "scene", "part", "material", "texture"]
    assert listed["limits"] == {
        "formats": ["JPEG", "PNG", "WEBP"],
        "max_bytes": 60000,
        "max_pixels": 40000,
        "max_side": 2000,
    }
    first, second = (
        service.ask(f"/v1/parse?model={name}", picture(), {**PNG, "Accept": "image/png"}).image()
        for name in ("colours", "shifted")
    )
    assert first.getpixel((0, 0)) == 7 and second.getpixel((0, 0)) == 0
    assert "colours, shifted" in problem(service.ask("/v1/parse?model=none", picture(), PNG), 404, "no-such-model")


@pytest.mark.parametrize(
    ("content", "status", "code", "words"),
    [
        (b"", 400, "no-picture", "holds no picture"),
        (b"not a picture", 415, "not-a-picture", "JPEG, PNG or WebP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "not-a-picture", "drawing"),
        (b"https://example.org/cat.jpg", 415, "not-a-picture", "nothing is fetched"),
        (b"file:///etc/passwd", 415, "not-a-picture", "nothing is fetched"),
        (picture(form="GIF"), 415, "not-a-picture", "JPEG, PNG or WebP"),
        (picture()[:100], 422, "damaged", "damaged"),
        (picture(form="JPEG")[:400], 422, "damaged", "damaged"),
        (picture((201, 200)), 413, "too-many-pixels", "at most 40,000 pixels"),
        (picture((2, 2001)), 413, "too-many-pixels", "No side may be above 2,000"),
        (b"\x89PNG" + bytes(70_000), 413, "too-large", "60,000 bytes"),
    ],
)
def test_what_is_no_picture_within_the_limits_is_refused_in_clear_words(
    service: Service, content: bytes, status: int, code: str, words: str
) -> None:
    answer = service.ask("/v1/parse", content, PNG)
    detail = problem(answer, status, code)
    assert words in detail and not re.search(r"/(usr|home|tmp|etc)/|Traceback|\.py|0x", detail)


def test_a_bomb_is_refused_by_its_header_before_anything_is_decoded(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray(picture())
    content[16:24] = (60000).to_bytes(4, "big") * 2  # width and height of the PNG's header
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    monkeypatch.setattr("sceneparse.parsing.Parser.read", lambda *_: pytest.fail("decoded"))
    problem(service.ask("/v1/parse", bytes(content), PNG), 413, "too-many-pixels")


def test_a_picture_is_decoded_as_what_its_header_was_found_to_be_or_not_at_all(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def noted(file: Any, mode: Any = "r", formats: Any = None) -> Any:
        asked.append(formats)
        return opened(file, mode, formats)

    opened = Image.open
    monkeypatch.setattr(Image, "open", noted)
    assert service.ask("/v1/parse", picture(), {**PNG, "Accept": "image/jpeg"}).status == 200
    assert asked == [("JPEG", "PNG", "WEBP"), ("PNG",), ("PNG",)], "once more for its frames"
    monkeypatch.setattr("sceneparse.serving.app.inspected", lambda *_: Header("PNG", (20, 30)))
    problem(service.ask("/v1/parse", picture(), PNG), 422, "damaged")


def test_a_jpeg_of_too_many_scans_is_refused_and_one_with_a_film_behind_it_is_not(service: Service) -> None:
    content = BytesIO()
    Image.open(BytesIO(picture())).save(content, "JPEG", progressive=True)
    whole = content.getvalue()
    last = whole.rindex(b"\xff\xda")
    scan = whole[last:-2]
    many = whole[:-2] + 101 * scan + whole[-2:]
    assert "scans" in problem(service.ask("/v1/parse", many), 422, "damaged")
    film = b"\xff\xda\x00" * 200  # what a phone's moving picture may hold, as any file
    comment = b"\xff\xfe" + (2 + len(film)).to_bytes(2, "big") + film
    for harmless in (whole + film, whole[:2] + comment + whole[2:], whole[:-2] + 20 * scan + whole[-2:]):
        assert service.ask("/v1/parse", harmless).status == 200


def test_json_that_would_be_large_once_read_is_not_read(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = SimpleNamespace(loads=lambda _: pytest.fail("read"))
    monkeypatch.setattr("sceneparse.serving.body.json", reader)
    for content in ('{"image": [' + "{}," * 9000 + "1]}", '{"image": ""' + ', "": 1' * 9000 + "}"):
        answer = service.ask("/v1/parse", content, {"Content-Type": "application/json"})
        assert "and hold no more" in problem(answer, 400, "bad-json")


@pytest.mark.parametrize(
    ("body", "head", "status", "code"),
    [
        (b"{", {"Content-Type": "application/json"}, 400, "bad-json"),
        (b"[" * 50_000, {"Content-Type": "application/json"}, 400, "bad-json"),
        (b'{"picture": "AAAA"}', {"Content-Type": "application/json"}, 400, "bad-json"),
        (b'{"image": "AAAA", "path": "/etc/passwd"}', {"Content-Type": "application/json"}, 400, "bad-json"),
        (b'{"image": "data:image/png;base64,AAAA"}', {"Content-Type": "application/json"}, 400, "bad-base64"),
        (b'{"image": ""}', {"Content-Type": "application/json"}, 400, "no-picture"),
        (b"--edge", {"Content-Type": "multipart/form-data"}, 400, "bad-form"),
        (b"--edge\r\nbroken", {"Content-Type": "multipart/form-data; boundary=edge"}, 400, "bad-form"),
        (*form(b"x", name="file"), 400, "no-picture"),
        (b"x", {"Content-Type": "text/html"}, 415, "unknown-form"),
        (b"x", {"Content-Type": "image/svg+xml"}, 415, "not-a-picture"),
        (b"x", {"Content-Type": "image/png", "Content-Encoding": "gzip"}, 415, "compressed"),
        (b"x", {"Content-Type": "image/png", "Accept": "text/html"}, 406, "not-acceptable"),
    ],
)
def test_a_wrong_form_is_refused_in_clear_words(
    service: Service, body: bytes, head: dict[str, str], status: int, code: str
) -> None:
    problem(service.ask("/v1/parse", body, head), status, code)


def test_there_is_nothing_else(service: Service) -> None:
    for path in (
        "/v2",
        "/static/docs.html",
        "/redoc",
        "/static/",
        "/static/../../settings.py",
        "/static/%2e%2e/%2e%2e/settings.py",
        "//",
    ):
        assert "nothing at this address" in problem(service.ask(path), 404, "not-found")
    answer = service.ask("/v1/parse")
    problem(answer, 405, "wrong-method")
    assert answer.headers["allow"] == "POST"
    problem(service.ask("/v1/parse?model=" + "x" * 101, picture(), PNG), 422, "bad-parameter")


def test_every_answer_has_security_headers(service: Service) -> None:
    for path in ("/", "/static/app.js", "/v1/models", "/nothing", "/metrics"):
        headers = service.ask(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_pages_are_the_packages_own_and_are_not_sent_twice(service: Service, path: str) -> None:
    page = service.ask(path)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    text = page.body.decode()
    found = re.findall(r'(?:src|href)="([^"#]+)"', text)
    files = [one for one in found if one not in ("docs", "openapi.json", "./")]
    assert len(files) >= 4 and not [found for found in files if not found.startswith("static/")]
    assert "style=" not in text and not re.search(r"\son\w+=", text)  # the policy would not let them run
    for file in files:
        assert service.ask(f"/{file}").status == 200
    assert service.ask(path, method="HEAD").body == b""
    for known in ("{}", '"other", W/{}', "*"):
        assert service.ask(path, headers={"If-None-Match": known.format(page.headers["etag"])}).status == 304
    assert service.ask(path, headers={"If-None-Match": '"other"'}).status == 200


def test_the_example_is_drawn_once_and_the_same_for_all(service: Service) -> None:
    first = service.ask("/static/example.jpg")
    assert first.image().size == (640, 480) and first.headers["content-type"] == "image/jpeg"
    again = service.ask("/static/example.jpg", headers={"If-None-Match": first.headers["etag"]})
    assert again.status == 304


def test_head_tells_what_get_would(service: Service) -> None:
    for path in ("/", "/healthz", "/readyz", "/v1/models", "/openapi.json"):
        asked, said = (service.ask(path, method=method) for method in ("GET", "HEAD"))
        assert (said.status, said.body) == (200, b"")
        assert all(said.headers[name] == asked.headers[name] for name in ("content-type", "content-length"))
    assert service.ask("/v1/parse", method="HEAD").headers["allow"] == "POST"


def test_openapi_describes_every_answer_and_its_examples_hold(service: Service) -> None:
    said = service.ask("/openapi.json").json()
    assert set(said["paths"]) == {"/v1/parse", "/v1/models", "/healthz", "/readyz", "/metrics"}
    parse = said["paths"]["/v1/parse"]["post"]
    assert {"image/png", "multipart/form-data", "application/json"} <= set(parse["requestBody"]["content"])
    example = parse["requestBody"]["content"]["application/json"]["example"]
    assert service.ask("/v1/parse", json.dumps(example), {"Content-Type": "application/json"}).status == 200
    ParseAnswer.model_validate(EXAMPLE)
    assert set(parse["responses"]) >= {"200", "406", "413", "415", "503", "504"}
    for status, answer in parse["responses"].items():
        if status != "200":
            ProblemAnswer.model_validate(answer["content"]["application/problem+json"]["example"])


def test_health_and_metrics_tell_what_was_done(service: Service) -> None:
    assert service.ask("/healthz").json() == {"status": "ok"}
    assert service.ask("/readyz").json() == {"status": "ready"}
    service.ask("/v1/parse", picture(), PNG)
    service.ask("/v1/parse", b"x", PNG)
    service.ask("/some/strange/path")
    text = service.ask("/metrics").body.decode()
    for line in (
        r'sceneparse_requests_total{path="/v1/parse",status="200"} [1-9]',
        r'sceneparse_requests_total{path="/v1/parse",status="415"} [1-9]',
        r'sceneparse_requests_total{path="other",status="404"} [1-9]',
        r'sceneparse_request_seconds_bucket{le="0.1",path="/v1/parse"} \d',
        r'sceneparse_pictures_total{model="colours"} [1-9]',
        r"sceneparse_queue_length 0.0",
        r'sceneparse_batch_size_bucket{le="1.0"} [1-9]',
        r"process_resident_memory_bytes ",
    ):
        assert re.search(line.replace("{", r"\{").replace("}", r"\}"), text), line
    assert "strange" not in text


def test_a_line_of_json_is_noted_for_each_request(service: Service, log: Path) -> None:
    content = picture((20, 30))
    service.ask("/v1/parse?secret=1", content, PNG)
    digest = hashlib.sha256(content).hexdigest()
    until(lambda: digest in log.read_text())  # it is written after the answer
    notes = [json.loads(line) for line in log.read_text().splitlines()]
    note = next(one for one in notes if one.get("sha256") == digest)
    assert (note["method"], note["path"], note["status"]) == ("POST", "/v1/parse", 200) and note["seconds"] > 0
    assert "secret" not in log.read_text()


def test_a_fault_is_told_without_its_trace(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sceneparse.serving.app.encoded", lambda *_: 1 / 0)
    answer = service.ask("/v1/parse", picture(), PNG)
    assert "its fault" in problem(answer, 500, "fault")
    assert b"Zero" not in answer.body and answer.headers["x-frame-options"] == "DENY"
    monkeypatch.undo()
    assert service.ask("/v1/parse", picture(), PNG).status == 200


def test_pictures_of_every_allowed_form_are_parsed_upright() -> None:
    with serving(
        {"colours": plain_parser()}, ServeSettings(formats=("JPEG", "WEBP", "BMP", "GIF", "TIFF", "PNG"))
    ) as service:
        for kind in ("JPEG", "WEBP", "BMP", "GIF", "TIFF"):
            said = service.ask("/v1/parse", picture(form=kind)).json()
            assert said["picture"]["format"] == kind and len(said["classes"]) == 3
        turned = Image.open(BytesIO(picture()))
        exif = Image.Exif()
        exif[0x0112] = 6  # turn right by 90 degrees
        content = BytesIO()
        turned.save(content, "JPEG", exif=exif, quality=95)
        said = service.ask("/v1/parse", content.getvalue()).json()
        assert (said["width"], said["height"]) == (40, 60)


def test_deep_pictures_and_frames_are_doubted(service: Service) -> None:
    values = np.random.default_rng(0).integers(0, 4096, (20, 30, 3)).astype(np.uint16)
    said = service.ask("/v1/parse", deep_png(values), PNG).json()
    assert "of 65,535, so that it is seen nearly black" in said["doubt"]
    frames = [Image.new("RGB", (30, 20), color) for color in ("red", "blue", "green")]
    for form, title in (("PNG", "png"), ("WEBP", "webp")):
        content = BytesIO()
        frames[0].save(content, form, save_all=True, append_images=frames[1:])
        said = service.ask("/v1/parse", content.getvalue(), {"Content-Type": f"image/{title}"}).json()
        assert said["doubt"].startswith("3 frames, of which the first is parsed")


def test_a_range_is_used() -> None:
    values = np.random.default_rng(0).integers(0, 4096, (20, 30, 3)).astype(np.uint16)
    with serving({"ranged": plain_parser().with_ranges([(0, 4095)])}, ServeSettings()) as running:
        assert "doubt" not in running.ask("/v1/parse", deep_png(values), PNG).json()
