"""A client's own prompt for a document: asked, recorded, never a file of the service; and engines that are warm."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from model_server import ModelServer, Say, serving_model
from pdfs import scan_pdf
from service import SAMPLES, Serving, serving

from ocrmill.configs.errors import SettingsError
from ocrmill.configs.load import load_settings
from ocrmill.configs.serve.asked_prompt import with_prompt

WORDS = "List the names on this page."


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with serving_model(lambda _: Say("Some names.")) as server:
        yield server


@pytest.fixture(scope="module")
def service(model: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    flags = ("--engine", "endpoint", "--url", model.url, "--profile", "qwen3-vl", "--set")
    with serving(tmp_path_factory.mktemp("prompts"), *flags, "engine.endpoint.check_page=false") as started:
        yield started


def questions(model: ModelServer) -> list[str]:
    """The texts that the model was asked since the last call."""
    parts = [part for asked in model.asked for part in asked.body["messages"][-1]["content"]]
    model.asked.clear()
    return [part["text"] for part in parts if "text" in part]


def test_an_engine_has_read_a_page_when_it_is_ready(service: Serving, model: ModelServer) -> None:
    """The first client waits for nothing that an engine does once; that page counts nowhere."""
    assert len(questions(model)) == 1
    assert "ocrmill_pages_total{" not in service.client.get("/metrics").text


def test_a_prompt_is_asked_and_recorded(service: Serving, model: ModelServer, tmp_path: Path) -> None:
    """Its words go to the model and stand in the rows, with a fingerprint of their own; other documents have theirs."""
    scan = scan_pdf(tmp_path / "scan.pdf").read_bytes()
    usual, own, file = (
        service.client.post("/v1/pages", params=query, content=scan).json()["pages"][0]
        for query in ({}, {"prompt": WORDS}, {"prompt": str(SAMPLES / "corpus.jsonl")})
    )
    asked = questions(model)

    assert asked[1:] == [WORDS, str(SAMPLES / "corpus.jsonl")]
    assert [row["prompt"] for row in (usual, own)] == ["qwen3-vl", f"qwen3-vl: {WORDS}"]
    assert own["attempts"][0]["prompt"] == own["prompt"]
    assert len({row["settings_fingerprint"] for row in (usual, own, file)}) == 3
    settings = load_settings([], ["engine.name=endpoint", "engine.endpoint.profile=qwen3-vl"])
    with_own = load_settings(
        [], ["engine.name=endpoint", "engine.endpoint.profile=qwen3-vl", f"engine.endpoint.prompt={WORDS}"]
    )
    assert with_prompt(settings, WORDS).fingerprint() == with_own.fingerprint()


def test_a_prompt_that_cannot_be_asked_is_refused(service: Serving) -> None:
    """A client gets 400 and the reason, and no page is read."""
    for prompt, why in (("", "a prompt has words"), ("x" * 2001, "2,000 bytes"), ("locate: names", "locate:")):
        answer = service.client.post("/v1/pages", params={"prompt": prompt}, content=b"%PDF-1.4")
        assert (answer.status_code, why in answer.json()["message"]) == (400, True), answer.text


@pytest.mark.parametrize(
    ("engine", "prompt", "why"),
    [
        ("cpu", "free_ocr", "takes no prompt"),
        ("deepseek-ocr2", str(SAMPLES / "corpus.jsonl"), "there is no prompt"),
        ("deepseek-ocr2", "two <image> are <image> too many", "a prompt has one <image>"),
    ],
)
def test_engines_say_what_they_take(engine: str, prompt: str, why: str) -> None:
    """RapidOCR is asked nothing, DeepSeek-OCR one of its prompts or a text of several words, and no file is read."""
    with pytest.raises(SettingsError, match=why):
        with_prompt(load_settings([], [f"engine.name={engine}"]), prompt)


def test_a_named_prompt_is_that_of_the_settings() -> None:
    """The rows of a request have the fingerprint of a run with that `--prompt`."""
    run = load_settings([], ["engine.name=deepseek-ocr2", 'engine.deepseek_ocr2.prompt="free_ocr"'])

    assert with_prompt(load_settings([], ["engine.name=deepseek-ocr2"]), "free_ocr").fingerprint() == run.fingerprint()
