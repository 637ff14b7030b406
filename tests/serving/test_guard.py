"""Who may ask."""

import http.client
import math
from pathlib import Path

import pytest

from sceneparse.errors import UserError
from sceneparse.serving.settings import ServeSettings, read_keys
from tests.support.served import Service, picture, plain_parser, serving

KEY = "correct-horse-battery-staple"


def test_a_service_on_the_loopback_answers_to_its_own_names_alone(service: Service) -> None:
    assert service.ask("/healthz", headers={"Host": "evil.example"}).status == 421  # a name that was bound to 127.0.0.1
    assert service.ask("/healthz", headers={"Host": "localhost:1"}).status == 200
    assert service.ask("/healthz", headers={"Host": "[::1]:8000"}).status == 200


def test_other_web_pages_may_not_ask(service: Service) -> None:
    for origin in ("https://evil.example", "null", f"http://{service.endpoint[0]}:1"):
        answer = service.ask("/v1/parse", picture(), {"Origin": origin})
        assert answer.status == 403 and "access-control-allow-origin" not in answer.headers
    own = service.address.rstrip("/")
    assert service.ask("/v1/parse", picture(), {"Origin": own}).status == 200


def test_keys_and_origins_that_are_set_are_asked_for_and_let_in() -> None:
    settings = ServeSettings(api_keys=("another-long-key-here", KEY), cors_origins=("https://app.example",))
    with serving({"colours": plain_parser()}, settings) as service:
        for head in ({}, {"Authorization": "Bearer wrong-key-wrong-key"}, {"Authorization": f"Basic {KEY}x"}):
            for path in ("/v1/models", "/metrics"):
                answer = service.ask(path, headers=head)
                assert answer.status == 401 and answer.headers["www-authenticate"].startswith("Bearer")
        assert service.ask("/v1/parse", picture()).status == 401
        assert service.ask("/v1/models", headers={"Authorization": KEY}).status == 401
        for scheme in ("bearer", "BEARER "):
            assert service.ask("/v1/models", headers={"Authorization": f"{scheme} {KEY}"}).status == 200
        for path in ("/", "/healthz", "/readyz"):
            assert service.ask(path).status == 200
        head = {"Authorization": f"Bearer {KEY}", "Origin": "https://app.example"}
        answer = service.ask("/v1/parse", picture(), head)
        assert answer.status == 200 and answer.headers["access-control-allow-origin"] == "https://app.example"
        assert "X-Request-SHA256" in answer.headers["access-control-expose-headers"]
        asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
        assert service.ask("/v1/parse", headers=asked, method="OPTIONS").status == 200
        assert service.ask("/v1/parse", picture(), {**head, "Origin": "https://other.example"}).status == 403


def test_a_service_beyond_the_loopback_answers_to_any_name_unless_told() -> None:
    assert ServeSettings(host="0.0.0.0").known_hosts == ()
    assert ServeSettings(host="0.0.0.0", hosts=("parse.example",)).known_hosts == ("parse.example",)
    assert ServeSettings(hosts=("Parse.Example",)).known_hosts == ("parse.example",)
    assert ServeSettings(host="::1").on_loopback and ServeSettings(host="localhost").on_loopback


def test_a_service_answers_to_the_address_that_it_listens_on() -> None:
    with serving({"colours": plain_parser()}, ServeSettings(host="127.0.0.2")) as service:
        assert service.endpoint[0] == "127.0.0.2" and service.ask("/healthz").status == 200
        assert service.ask("/healthz", headers={"Host": "evil.example"}).status == 421


def test_names_are_known_as_requests_say_them() -> None:
    hosts = ("Parse.Example.org", "::1", "[FE80:0::1]", "10.0.0.7", "häuser.example")
    known = ServeSettings(hosts=hosts).known_hosts
    assert known == ("parse.example.org", "[::1]", "[fe80::1]", "10.0.0.7", "xn--huser-gra.example")
    assert "[::1]" in ServeSettings(host="0:0:0:0:0:0:0:1").known_hosts
    with serving({"colours": plain_parser()}, ServeSettings(hosts=("::1",), connections=10**12)) as service:
        assert service.ask("/healthz", headers={"Host": "[::1]:8000"}).status == 200


def test_a_log_whose_disk_is_full_stops_no_answer(capfd: pytest.CaptureFixture[str]) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full")
    with serving({"colours": plain_parser()}, ServeSettings(log=full)) as service:
        connection = http.client.HTTPConnection(*service.endpoint, timeout=60)
        for _ in range(3):  # on one connection, which a fault would close
            connection.request("GET", "/healthz")
            response = connection.getresponse()
            assert response.status == 200 and response.read()
            assert connection.sock is not None
        connection.close()
    said = capfd.readouterr().err
    assert "2 lines of the log lost (No space left on device)" in said and "Traceback" not in said


def test_a_file_of_keys_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# for the demo\n\n{KEY}\n")
    assert read_keys(path) == (KEY,)
    path.write_text(f"{KEY}\n", encoding="utf-8-sig")  # as editors on Windows save it
    assert read_keys(path) == (KEY,)
    path.write_text("# nothing\n")
    with pytest.raises(UserError, match="holds no API key"):
        read_keys(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_keys(tmp_path / "none")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"port": 70000}, "port"),
        ({"api_keys": ("short",)}, "16 characters"),
        ({"api_keys": ("with spaces in it, long",)}, "ASCII"),
        ({"cors_origins": ("example.org",)}, "https://example.org"),
        ({"cors_origins": ("https://example.org/page",)}, "without a path"),
        ({"cors_origins": ("https://Example.org:443",)}, "'https://example.org' as browsers send it"),
        ({"formats": ("SVG",)}, "'SVG' is unknown"),
        ({"formats": ()}, "no picture format"),
        ({"queue": 0}, "queue is 0"),
        ({"time_limit": -1.0}, "time-limit"),
        ({"batch_wait": -0.1}, "batch-wait"),
        ({"max_bytes": 2**40}, "receiving-bytes"),
        ({"stop_seconds": math.inf}, "stop-seconds is inf, but must be finite"),
        ({"header_seconds": math.inf}, "header-seconds is inf, but must be finite"),
        ({"time_limit": math.nan}, "time-limit is nan"),
        ({"batch_wait": math.inf}, "batch-wait is inf"),
        ({"hosts": "example.org"}, "hosts must be a tuple of texts, not str"),
        ({"formats": "JPEG"}, "formats must be a tuple"),
        ({"api_keys": KEY}, "api_keys must be a tuple of texts, not str$"),
        ({"cors_origins": "https://example.org"}, "cors_origins must be a tuple"),
        ({"hosts": ("parse.example.org:8443",)}, r"write parse\.example\.org alone, under which requests to any port"),
        ({"hosts": ("[::1]:80",)}, r"write \[::1\] alone"),
        ({"hosts": ("https://example.org",)}, r"no name of a host: write a name or an address alone"),
        ({"hosts": ("*.example.org",)}, "no name of a host"),
        ({"hosts": ("",)}, "no name of a host"),
        ({"hosts": ("ä" * 70,)}, "no name of a host"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        ServeSettings(**wrong)  # type: ignore[arg-type]
