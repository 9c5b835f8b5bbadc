"""The real command with the engine `cpu`, started once: rows, forms, limits, and what it keeps to itself."""

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import which
from typing import Any

import httpx
import psutil
import pyarrow.parquet as pq
import pytest
from pdfs import crashing_pdf, encrypted_pdf, text_pdf
from PIL import Image, ImageDraw
from processes import rendering_processes
from service import ROOT, SAMPLES, Serving, serving
from waiting import wait_for

from ocrmill.commands.export.formats.markdown_tree import export_markdown
from ocrmill.commands.run import Job, run
from ocrmill.commands.serve.answers import SIGNIFICANT_DIGITS
from ocrmill.configs.load import load_settings
from ocrmill.pipeline.output.schema import DOCUMENTS, PAGES
from ocrmill.pipeline.output.stores.local import LocalStore

PLACES, MOST_PAGES, MOST_BYTES, UPLOAD_S = 2, 30, 5 << 20, 6.0
OF_THE_RUN = {"source", "source_version", "sequence", "run_id", "ingested_at", "render_ms", "engine_ms", "attempts"}
TEXT, ENCRYPTED = (SAMPLES / "text.pdf").read_bytes(), (SAMPLES / "encrypted.pdf").read_bytes()
PASSWORD = "open sesame"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    limits = {
        "max_documents": PLACES,
        "max_pages": MOST_PAGES,
        "max_body_mb": MOST_BYTES >> 20,
        "upload_s": UPLOAD_S,
        "hosts": '["ocr.example"]',
    }
    options = [word for name, value in limits.items() for word in ("--set", f"serve.{name}={value}")]
    with serving(tmp_path_factory.mktemp("service"), *options) as started:
        yield started


@pytest.fixture(autouse=True)
def _nothing_stays(service: Serving) -> Iterator[None]:
    """Whatever a test does, afterwards no place is taken and no document lies there."""
    yield
    wait_for(lambda: service.documents() == 0, what="all places are free")
    assert service.uploads() == []


def as_served(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of an output, without what differs from run to run, as JSON has them."""

    def plain(value: Any) -> Any:
        match value:
            case float():
                return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
            case dict():
                return {name: plain(each) for name, each in value.items()}
            case list():
                return [plain(each) for each in value]
        return value

    return [{name: plain(value) for name, value in row.items() if name not in OF_THE_RUN} for row in rows]


def without_run(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in OF_THE_RUN}


def test_rows_are_those_of_a_run(service: Serving, tmp_path: Path) -> None:
    """A document gets the rows, all columns of them, and the Markdown that `run` and `export` give it."""
    document = tmp_path / "sign.png"
    sign = Image.new("RGB", (400, 80), "white")
    ImageDraw.Draw(sign).text((20, 20), "Tide Mill Lane", "black", font_size=36)
    sign.save(document)
    settings = load_settings([], ["engine.name=cpu"])
    run(Job((str(document), str(SAMPLES / "two_columns.pdf")), str(tmp_path / "out"), settings, use_ray=False))
    export_markdown(LocalStore(tmp_path / "out"), tmp_path / "texts")
    exported = {path.name.removesuffix(".md"): path.read_text() for path in (tmp_path / "texts").rglob("*.md")}
    pages = pq.read_table(tmp_path / "out/pages").to_pylist()
    documents = pq.read_table(tmp_path / "out/documents").to_pylist()

    for path in (document, SAMPLES / "two_columns.pdf"):
        served = service.post(path.read_bytes(), f"name={path.name}").json()

        assert [*served["document"]] == DOCUMENTS.names
        assert all([*page] == PAGES.names for page in served["pages"])
        assert served["document"]["source"] == path.name
        own = [row for row in pages if row["source"].endswith(path.name)]
        assert own[0]["markdown"]
        assert [without_run(row) for row in served["pages"]] == as_served(own)
        (row,) = (row for row in documents if row["source"].endswith(path.name))
        assert [without_run(served["document"])] == as_served([row])
    markdown = service.post(path.read_bytes(), "format=markdown")
    assert markdown.headers["content-type"] == "text/markdown; charset=utf-8"
    assert markdown.text == exported[path.name]
    joined = service.post(path.read_bytes(), "format=markdown&continuous=true").text
    assert "<!-- page" in markdown.text
    assert "<!-- page" not in joined


def test_a_form_is_as_good_as_the_bytes(service: Serving) -> None:
    """A document in a form gives the same rows; its name is that of the file, without folders."""
    whole = service.post(TEXT).json()
    form = service.client.post("/v1/pages", files={"file": ("C:\\letters\\../text.pdf", TEXT)}).json()

    assert form["document"]["source"] == "text.pdf"
    assert list(map(without_run, form["pages"])) == list(map(without_run, whole["pages"]))


def test_lines_come_page_by_page(service: Serving, tmp_path: Path) -> None:
    """With ndjson each page has its line, and the document's row ends the answer."""
    document = text_pdf(tmp_path / "long.pdf", MOST_PAGES).read_bytes()
    with service.client.stream("POST", "/v1/pages?format=ndjson", content=document) as answer:
        assert answer.headers["content-type"] == "application/x-ndjson"
        lines = [json.loads(line) for line in answer.iter_lines()]

    assert sorted(line["page"]["page_number"] for line in lines[:-1]) == list(range(1, MOST_PAGES + 1))
    assert lines[-1]["document"]["pages_text_layer"] == MOST_PAGES


@pytest.mark.parametrize(("pages", "numbers"), [("2", [2]), ("1-9", [1, 2]), ("2-,1", [1, 2])])
def test_pages_are_chosen(service: Serving, pages: str, numbers: list[int]) -> None:
    """Only these pages have rows; a document that is read in part has none itself."""
    served = service.post(TEXT, f"pages={pages}").json()

    assert [row["page_number"] for row in served["pages"]] == numbers
    assert (served["document"] is None) == (len(numbers) < 2)


def test_a_route_is_chosen(service: Serving) -> None:
    """A request has its own route, and its rows the fingerprint of the settings with that route."""
    plain, fast = (service.post(TEXT, f"pages=1&{query}").json()["pages"][0] for query in ("", "route=fast"))
    settings = load_settings([], ["engine.name=cpu", "routing.mode=fast"])

    assert fast["settings_fingerprint"] == settings.fingerprint() != plain["settings_fingerprint"]
    assert (fast["status"], plain["status"]) == ("text_layer", "text_layer")
    assert fast["markdown"] != plain["markdown"]


WRONG = [
    ("pages=x", TEXT, 400, "write pages and ranges as 1-10"),
    ("pages=7-9", TEXT, 400, "the document has 2 pages, and `pages` names none of them"),
    ("format=pdf", TEXT, 400, "format=pdf: choose json, markdown or ndjson"),
    ("route=slow", TEXT, 400, "route=slow: choose auto, fast or ocr"),
    ("furniture=no", TEXT, 400, "furniture=no: choose true or false"),
    ("continuous=true", TEXT, 400, "furniture and continuous go with format=markdown"),
    ("format=json&format=json", TEXT, 400, "format stands in the query more than once"),
    ("dpi=3", TEXT, 400, "no parameter 'dpi': these are format, pages, route, prompt, furniture, continuous, name"),
    ("", b"", 400, "the document is empty"),
    ("", b"Dear Sir or Madam", 415, "these bytes are no PDF, PNG, JPEG"),
    ("", b"PK\3\4" + bytes(99), 415, "send one of these, unpacked"),
    ("", (SAMPLES / "reports.zip").read_bytes(), 415, "send one of these, unpacked"),  # its PDFs are not compressed
    ("", b"%PDF-1.4 and nothing more", 422, ""),
    ("format=ndjson", ENCRYPTED, 422, "send its password in the header X-Document-Password"),
]


@pytest.mark.parametrize(("query", "document", "status", "message"), WRONG)
def test_what_is_wrong_is_named(service: Serving, query: str, document: bytes, status: int, message: str) -> None:
    """A request without rows has a status, a word and a sentence; a document that cannot be read has its row, too."""
    answer = service.post(document, query)
    said = answer.json()

    assert (answer.status_code, message in said["message"]) == (status, True), said
    assert said["error"]
    if status == 422:
        assert (said["document"]["status"], said["document"]["reason"], said["pages"]) == ("failed", said["error"], [])
    assert str(service.scratch) not in answer.text


def test_a_form_without_its_file_is_refused(service: Serving) -> None:
    """The file has to be called `file`, and a form has nothing else but a password."""
    for form in ({"files": {"pdf": TEXT}}, {"files": {"file": TEXT}, "data": {"pages": "1"}}):
        assert service.client.post("/v1/pages", **form).status_code == 400


def test_a_form_in_another_charset_is_refused(service: Serving) -> None:
    """Only what forms are written in is decoded: Python has codecs that fail in their own ways, or make other text."""
    head = 'Content-Disposition: form-data; name="file"; filename="+2AA-.pdf"'
    body = f"--x\r\n{head}\r\n\r\n".encode() + TEXT + b"\r\n--x--\r\n"

    def status(charset: str) -> int:
        kind = f"multipart/form-data; boundary=x; charset={charset}"
        return service.post(body, "pages=1", headers={"content-type": kind}).status_code

    assert {charset: status(charset) for charset in ("undefined", "unicode_escape", "utf-7", "idna", "no-such")} == {
        "undefined": 400,
        "unicode_escape": 400,
        "utf-7": 400,
        "idna": 400,
        "no-such": 400,
    }
    assert status("UTF-8") == status("ISO-8859-1") == 200


def test_a_password_opens_and_is_not_written_down(service: Serving, tmp_path: Path) -> None:
    """A password comes in a header or a form; neither the answer nor the log has it."""
    locked = encrypted_pdf(tmp_path / "locked.pdf", PASSWORD).read_bytes()
    by_header = service.post(locked, headers={"X-Document-Password": PASSWORD})
    by_form = service.client.post("/v1/pages", files={"file": locked}, data={"password": PASSWORD})

    for answer in (by_header, by_form):
        assert answer.json()["document"]["pages_text_layer"] == 2
        assert PASSWORD not in answer.text
    wrong = service.post(locked, headers={"X-Document-Password": "wrong"})
    assert (wrong.status_code, "that came with it does not open it" in wrong.json()["message"]) == (422, True)
    assert "no password came with it" in service.post(locked).json()["document"]["detail"]
    assert PASSWORD not in service.log.read_text()


def test_a_large_body_is_refused_while_it_comes(service: Serving) -> None:
    """More bytes than allowed are refused by the number that is announced; without one they are counted."""

    def pieces() -> Iterator[bytes]:
        for _ in range(MOST_BYTES // 1000 + 100):
            yield b"%PDF-" + bytes(1000)

    announced = service.post(b"%PDF-" + bytes(MOST_BYTES))
    counted = service.client.post("/v1/pages", content=pieces())
    form = service.client.post("/v1/pages", files={"file": b"%PDF-" + bytes(MOST_BYTES)})

    assert [answer.status_code for answer in (announced, counted, form)] == [413, 413, 413]
    assert "larger than 5 MiB" in counted.json()["message"]


def test_a_document_with_many_pages_is_read_in_parts(service: Serving, tmp_path: Path) -> None:
    """More pages than allowed are refused before any is read; a part of them is not."""
    document = text_pdf(tmp_path / "longer.pdf", MOST_PAGES + 1).read_bytes()

    assert service.post(document).status_code == 413
    assert "at most 30 read" in service.post(document).json()["message"]
    assert len(service.post(document, f"pages={MOST_PAGES - 1}-&route=fast").json()["pages"]) == 3


def sending(service: Serving) -> socket.socket:
    """A client that has begun to send a document."""
    url = service.client.base_url
    connection = socket.create_connection((url.host, url.port or 80))
    head = f"POST /v1/pages HTTP/1.1\r\nHost: localhost:{url.port}\r\nContent-Length: 9999\r\n\r\n%PDF-"
    connection.sendall(head.encode())
    return connection


def test_places_are_counted_from_the_first_byte(service: Serving) -> None:
    """With all places taken a document is refused with 429 and a time to wait; one that is not sent on gives its up."""
    with sending(service) as first, sending(service):
        wait_for(lambda: service.documents() == PLACES)
        answer = service.post(TEXT)
        assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (429, True)
        assert "2 documents are in work" in answer.json()["message"]

        first.settimeout(UPLOAD_S + 20)
        assert first.recv(1000).startswith(b"HTTP/1.1 408 ")
    wait_for(lambda: service.post(TEXT, "pages=1").status_code == 200)


def test_a_client_that_leaves_while_it_sends_gives_its_place_up(service: Serving) -> None:
    """The place is free at once, long before the time to send is over."""
    began = time.monotonic()
    with sending(service):
        wait_for(lambda: service.documents() == 1)
    wait_for(lambda: service.documents() == 0)

    assert time.monotonic() - began < UPLOAD_S


def test_names_and_origins_are_checked(service: Serving) -> None:
    """Another name for this machine and pages of other sites are refused; a name in the settings is not."""
    ask = service.client.get
    assert ask("/ready", headers={"host": "evil.example"}).status_code == 403
    assert ask("/ready", headers={"host": "ocr.example:80"}).status_code == 200
    answer = service.post(TEXT, headers={"origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["error"]) == (403, "foreign_origin")
    assert service.post(TEXT, headers={"origin": "http://["}).status_code == 403  # no address at all


def test_addresses_and_metrics(service: Serving) -> None:
    """Health, readiness and metrics are there, an unknown address is not; metrics count answers, pages and reasons."""
    ask = service.client.get
    assert ask("/health").json()["state"] == ask("/ready").json()["state"] == "ready"
    assert (ask("/v1/nothing").status_code, ask("/v1/pages").status_code) == (404, 405)
    service.post(TEXT)
    metrics = ask("/metrics").text
    values = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if not line.startswith("#"))

    assert float(values['ocrmill_pages_total{status="text_layer"}']) >= 2
    assert float(values['ocrmill_http_answers_total{path="/v1/pages",status="200"}']) >= 1
    assert float(values['ocrmill_http_answers_total{path="other",status="404"}']) >= 1
    assert values["ocrmill_ready"] == "1.0"
    assert float(values["ocrmill_documents_limit"]) == PLACES
    assert 'ocrmill_worker_slots{worker="engine"}' in values


def test_workers_are_warm_when_it_is_ready(tmp_path: Path) -> None:
    """Before any document the rendering process is there and has read a page, which counts nowhere."""
    with serving(tmp_path) as fresh:
        (renderer,) = rendering_processes(fresh.process.pid)
        assert renderer.cpu_times().user > 0
        assert "ocrmill_pages_total{" not in fresh.client.get("/metrics").text
        assert "document" not in fresh.log.read_text()
        assert fresh.documents() == 0
        assert fresh.post(TEXT).json()["document"]["pages_text_layer"] == 2
        assert renderer.is_running()


def test_the_log_is_of_one_form(tmp_path: Path) -> None:
    """With --log-json every line is JSON, whatever clients send, and libraries do not warn of them."""
    with serving(tmp_path, "--log-json") as logging:
        url = logging.client.base_url
        for sent in (b"\x16\x03\x01 no HTTP\r\n\r\n", b"GET /health HTTP/1.1\r\nHost: localhost\r\nUpgrade: x\r\n\r\n"):
            with socket.create_connection((url.host, url.port or 80)) as connection:
                connection.sendall(sent)
                connection.settimeout(10)
                assert connection.recv(100).startswith(b"HTTP/1.1 ")
        kind = {"content-type": "multipart/form-data; boundary=x"}
        assert logging.post(b"--y\r\n", headers=kind).status_code == 400
        assert logging.post(TEXT, "pages=1").status_code == 200
        assert logging.end() == 0
    lines = [json.loads(line) for line in logging.log.read_text().splitlines()]

    assert [line["message"][:8] for line in lines if line["level"] != "info"] == ["SIGTERM:"]
    assert "document" in [line.get("event") for line in lines]


@pytest.mark.fault
def test_a_killed_renderer_costs_no_document(service: Serving, tmp_path: Path) -> None:
    """SIGKILL of the renderer of `ocrmill serve` in mid-document: every page has its row, and the next one is read."""
    document = text_pdf(tmp_path / "long.pdf", MOST_PAGES).read_bytes()
    killed = 0
    numbers: list[int] = []
    with service.client.stream("POST", "/v1/pages?format=ndjson", content=document) as answer:
        for line in map(json.loads, answer.iter_lines()):
            if "page" in line:
                numbers.append(line["page"]["page_number"])
            if not killed:
                for child in psutil.Process(service.process.pid).children(recursive=True):
                    child.kill()
                    killed += 1
    assert killed
    assert sorted(numbers) == list(range(1, MOST_PAGES + 1))
    assert "document" in line
    crashed = service.post(crashing_pdf(tmp_path / "crash.pdf").read_bytes()).json()["pages"]
    assert [row["status"] for row in crashed] == ["text_layer", "failed", "text_layer"]
    assert service.post(b"\x89PNG\r\n\x1a\n and nothing more").json()["pages"][0]["status"] == "failed"
    assert service.post(TEXT).json()["document"]["pages_text_layer"] == 2


def test_clients_do_not_disturb_each_other(service: Serving) -> None:
    """Documents of clients at the same time come back whole, each to its own."""
    documents = {name: (SAMPLES / name).read_bytes() for name in ("text.pdf", "cjk.pdf")}

    def ask(name: str) -> bool:
        rows = httpx.post(
            f"{service.client.base_url}/v1/pages", params={"name": name}, content=documents[name], timeout=60
        )
        return all(row["source"] == name for row in rows.json()["pages"]) and rows.status_code == 200

    with ThreadPoolExecutor(PLACES) as threads:
        assert all(threads.map(ask, [*documents] * 3))


def test_the_examples_work(service: Serving, tmp_path: Path) -> None:
    """Each line for a shell and each program in docs/serve-documents.md does what it says."""
    guide = (
        (ROOT / "docs/serve-documents.md").read_text().replace("http://127.0.0.1:8080", str(service.client.base_url))
    )
    shell, python = (
        re.findall(rf"^```{kind}\n(.*?)^```", guide, re.DOTALL | re.MULTILINE) for kind in ("sh", "python")
    )
    (tmp_path / "report.pdf").write_bytes(TEXT)
    encrypted_pdf(tmp_path / "locked.pdf", PASSWORD)
    for program in python:
        subprocess.run([sys.executable, "-P", "-c", program], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    if which("curl") is None:
        pytest.skip("there is no curl")
    for lines in shell:
        subprocess.run(["sh", "-ec", lines], cwd=tmp_path, check=True)

    assert (tmp_path / "report.md").read_text().startswith("<!-- page: 1 status: text_layer -->")
    found = {path.stem: json.loads(path.read_text())["pages"] for path in tmp_path.glob("*.json")}
    assert {name: len(pages) for name, pages in found.items()} == {"rows": 2, "pages": 2, "locked": 2}
