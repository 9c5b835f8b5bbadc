"""Alarms reach a real web server and a real program; those that cannot be reached cost a warning, never the run."""

import json
import logging
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from ocrmill.commands.nights.notices import give_notice
from ocrmill.configs.alarm_settings import AlarmSettings
from ocrmill.pipeline.alarms import Alarm

ALARM = Alarm("repetition_rate", 0.08, 0.07, 0.09, 0.0, 0.05)
BAND = (0.0, 0.05)


class Hook(HTTPServer):
    """Keeps what it is sent, and answers with a status of the test's choice."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.got: list[Any] = []
        self.answer = 204

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/KEY-7301"


class _Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Hook)
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def tell(**settings: object) -> None:
    alarms = AlarmSettings.model_validate({"repetition_rate": BAND, **settings})
    give_notice([ALARM], alarms, "20261129T000000Z-abc123", "/data/out")


def test_a_webhook_gets_the_alarm(hook: Hook) -> None:
    """The notice has a sentence for people, and the figures for programs."""
    tell(webhook=SecretStr(hook.url))

    (notice,) = hook.got
    assert notice["text"] == (
        "ocrmill, run 20261129T000000Z-abc123 to /data/out: "
        "repetition_rate is 8.00% (7.00% to 9.00%), outside 0.00% to 5.00%"
    )
    assert (notice["event"], notice["output"], notice["alarms"][0]["value"]) == ("alarm", "/data/out", 0.08)


def test_a_program_gets_the_alarm_on_stdin(tmp_path: Path) -> None:
    """The command is started with its arguments, and reads the same notice."""
    kept = tmp_path / "notice.json"
    copy = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())"
    tell(command=(sys.executable, "-c", copy, str(kept)))

    assert json.loads(kept.read_text())["alarms"][0]["measure"] == "repetition_rate"


def test_what_cannot_be_told_is_a_warning(hook: Hook, caplog: pytest.LogCaptureFixture) -> None:
    """A webhook that refuses, is gone or is no URL, and a program that fails, hangs or is missing: each its warning."""
    hook.answer = 404
    ways: list[tuple[dict[str, object], str]] = [
        ({"webhook": SecretStr(hook.url)}, "answered 404"),
        ({"webhook": SecretStr("http://127.0.0.1:9/KEY-7301")}, "cannot be reached"),
        ({"webhook": SecretStr("no url KEY-7301")}, "cannot be reached"),
        ({"command": (sys.executable, "-c", "import sys; sys.exit('no mail today')")}, "ended with 1: no mail today"),
        ({"command": (sys.executable, "-c", "import time; time.sleep(60)"), "notice_s": 0.5}, "more than 0.5 s"),
        ({"command": ("no-such-program-7301",)}, "cannot be started"),
    ]
    for settings, says in ways:
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            tell(**settings)
        assert says in caplog.text
        assert "KEY-7301" not in caplog.text, "the key of the webhook was logged"
