"""`vllm serve` with our model, started by the command that docs/serve.md shows, and asked over HTTP."""

import base64
import importlib.metadata
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from patient_vllm import patient
from PIL import Image
from ports import free_port

from bench.served_rows import write_checkpoint

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DOCUMENTED = Path(__file__).parents[2] / "docs" / "serve.md"
SMALL = (
    "--dtype float32 --enforce-eager --max-model-len 2048 --max-num-seqs 4 --host 127.0.0.1 "
    "--logits-processors ocrmill.model_adapter.decoding.ngram_ban:NGramBan"
)
BOS, IMAGE_ID = 0, 128815


def documented_command(directory: Path) -> list[str]:
    """The documented command for a directory; on CPUs, as documented too, without the broken `vllm` program."""
    blocks = re.findall(r"```sh\n(.*?)```", DOCUMENTED.read_text(), re.DOTALL)
    (block,) = [block for block in blocks if block.startswith("vllm serve DIR")]
    arguments = shlex.split(block.replace("\\\n", " "))[3:]
    if not list(importlib.metadata.Distribution.discover(name="vllm")):
        return [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(directory), *arguments]
    return [str(Path(sys.executable).with_name("vllm")), "serve", str(directory), *arguments]


@pytest.fixture(scope="module")
def tiny_checkpoint(vllm_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny seeded checkpoint whose answers differ from page to page."""
    directory = tmp_path_factory.mktemp("checkpoint") / "tiny"
    write_checkpoint(directory)
    return directory


@pytest.fixture(scope="module")
def server(
    vllm_environment: dict[str, str], tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """URL of a server on localhost, with all its processes gone afterwards."""
    port = free_port()
    command = [*documented_command(tiny_checkpoint), *shlex.split(SMALL), "--port", str(port)]
    log = tmp_path_factory.mktemp("server") / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=vllm_environment | patient(), start_new_session=True
        )
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            end_group(process.pid)


def wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    pytest.fail(f"the server ended:\n{log.read_text()[-4000:]}")


def end_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def data_uri(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def ask(server: str, route: str, **body: Any) -> tuple[int, dict[str, Any]]:
    """Status and content of the answer."""
    body = {"model": "deepseek-ocr2", "temperature": 0, "max_tokens": 4, "return_token_ids": True, **body}
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{server}/v1/{route}", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=300) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def message(*urls: str, text: str = "<|grounding|>Convert the document to markdown.") -> list[dict[str, Any]]:
    images = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [{"role": "user", "content": [*images, {"type": "text", "text": text}]}]


@pytest.fixture(scope="module")
def page() -> str:
    noise = np.random.default_rng(0).integers(0, 256, (1000, 3000, 3), dtype=np.uint8)
    return data_uri(Image.fromarray(noise))


def test_a_chat_request_with_a_page_is_answered(server: str, page: str) -> None:
    """The prompt is one BOS, 689 placeholders for a page with three tiles, and the question; text comes back."""
    status, answer = ask(server, "chat/completions", messages=message(page), skip_special_tokens=False)
    ids = answer["prompt_token_ids"]

    assert status == 200
    assert ids[:690] == [BOS] + [IMAGE_ID] * 689
    assert BOS not in ids[690:]
    assert answer["choices"][0]["message"]["content"]
    assert answer["usage"]["completion_tokens"] == len(answer["choices"][0]["token_ids"])


def test_a_chat_prompt_is_the_offline_prompt(server: str, page: str, tiny_checkpoint: Path) -> None:
    """After the placeholders stands, id for id, what `prompt_text` has after its image."""
    from tokenizers import Tokenizer

    from ocrmill.model_adapter.prompts import prompt_text

    tokenizer = Tokenizer.from_file(str(tiny_checkpoint / "tokenizer.json"))
    question = tokenizer.encode(prompt_text("markdown").removeprefix("<image>"), add_special_tokens=False).ids
    _, answer = ask(server, "chat/completions", messages=message(page))

    assert answer["prompt_token_ids"][690:] == question


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (message("data:image/png;base64,bm8gaW1hZ2U="), "Failed to load image: cannot identify image"),
        (message(*["data:image/png;base64,AAAA"] * 2), "At most 1 image"),
    ],
    ids=["no image", "two images"],
)
def test_what_cannot_be_read_is_refused_with_the_reason(
    server: str, messages: list[dict[str, Any]], reason: str
) -> None:
    """The client gets a 400 that says why, and the server goes on."""
    status, answer = ask(server, "chat/completions", messages=messages)

    assert (status, reason in answer["error"]["message"]) == (400, True), answer
    assert ask(server, "completions", prompt="Free OCR.")[0] == 200
