"""Compare the rows of DeepSeek-OCR 2 in the run's own process with those of the same model behind `vllm serve`.

    python bench/served_rows.py [FILE_OR_FOLDER ...] [--tokens 48]

A tiny seeded model whose answers differ from page to page is written, `vllm serve` is started with it as docs/serve.md
shows, and the first page of each document is read twice: by `--engine deepseek-ocr2`, and by `--url` with the profile
deepseek-ocr-2, in float32. All columns have to be equal but those that say who read it and when.
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ocrmill.configs.profiles.find import load_profile
from ocrmill.model_adapter.checkpoint.published_config import ModelSize
from ocrmill.model_adapter.checkpoint.seeded import seed_checkpoint

SHARPER = 8.0  # times the seeded queries and outputs of attention: so the decoder's answer depends on the page
MARKS, MORE_OFTEN = slice(128816, 128823), 3.0  # <|ref|> to </td>, so that answers have special tokens side by side
SPECIAL = re.compile(r"<\|/?(?:ref|det|grounding)\|>|</?td>")
PROFILE = "deepseek-ocr-2"
NGRAM_BAN = "ocrmill.model_adapter.decoding.ngram_ban:NGramBan"
SERVE = (
    *("--hf-overrides", '{"architectures": ["OcrmillDeepseekOCR2ForCausalLM"]}', "--limit-mm-per-prompt.image", "1"),
    *("--no-enable-prefix-caching", "--mm-processor-cache-gb", "0", "--max-num-batched-tokens", "8192"),
    *("--dtype", "float32", "--enforce-eager", "--max-model-len", "4096", "--max-num-seqs", "4"),
    *("--logits-processors", NGRAM_BAN, "--host", "127.0.0.1"),
)
OF_READER = {  # who read it, with which settings, when, in which time, and what only the process of the model knows
    *("engine", "model", "prompt", "settings_fingerprint", "run_id", "ingested_at", "render_ms", "engine_ms"),
    *("tile_columns", "tile_rows", "visual_tokens"),
}
OF_ATTEMPT = {"engine", "prompt", "seconds", "engine_ms"}
Row = dict[str, Any]


def write_checkpoint(directory: Path) -> None:
    """Write a tiny seeded checkpoint whose answers differ from page to page, and have the marks of blocks in them."""
    from safetensors.torch import load_file, save_file

    seed_checkpoint(directory, ModelSize.TINY)
    (file,) = directory.glob("*.safetensors")
    tensors = load_file(file)
    for name, tensor in tensors.items():
        if name.startswith("model.layers.") and name.endswith(("self_attn.q_proj.weight", "self_attn.o_proj.weight")):
            tensor.mul_(SHARPER)
    tensors["lm_head.weight"][MARKS] *= MORE_OFTEN
    save_file(tensors, file, {"format": "pt"})


def rows_of_engine(inputs: Sequence[str], checkpoint: Path, out: Path, tokens: int) -> list[Row]:
    """Read first pages with the engine that runs the model itself."""
    section = "engine.deepseek_ocr2"
    sets = {"dtype": "float32", "max_output_tokens": tokens, "repairs": 0, "cpu_cache_gb": 1, "max_model_len": 4096}
    flags = ["--engine", "deepseek-ocr2", "--model", str(checkpoint)]
    return _rows(inputs, out, flags, {f"{section}.{name}": value for name, value in sets.items()})


def rows_of_server(inputs: Sequence[str], url: str, out: Path, tokens: int) -> list[Row]:
    """Read first pages with the model behind a server; it cannot read the page of known text."""
    sets = {"max_output_tokens": tokens, "repairs": 0, "check_page": "false"}
    flags = ["--url", url, "--profile", PROFILE]
    return _rows(inputs, out, flags, {f"engine.endpoint.{name}": value for name, value in sets.items()})


def _rows(inputs: Sequence[str], out: Path, flags: Sequence[str], sets: Mapping[str, Any]) -> list[Row]:
    program = Path(sys.executable).with_name("ocrmill")
    command = [str(program), "run", *inputs, "--out", str(out), "--pages", "1", "--route", "ocr", "--no-ray", *flags]
    for name, value in sets.items():
        command += ["--set", f"{name}={value}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode not in (0, 3, 75):  # 75: pages after the first are left
        raise RuntimeError(f"exit code {done.returncode}: {done.args}\n{done.stdout}{done.stderr}")
    rows: list[Row] = pq.read_table(out / "pages").to_pylist()
    return sorted(rows, key=lambda row: (row["source"], row["page_number"]))


def differences(one: Sequence[Row], other: Sequence[Row]) -> list[str]:
    """Return a line for each column of each page that is not equal, those of the reader left out."""
    pages = [[(row["source"], row["page_number"]) for row in rows] for rows in (one, other)]
    if pages[0] != pages[1]:
        return [f"pages of one only: {set(pages[0]) ^ set(pages[1])}"]
    return [
        f"{first['source']}: {column} is {str(first[column])[:200]} and {str(second[column])[:200]}"
        for first, second in zip(map(_comparable, one), map(_comparable, other), strict=True)
        for column in first
        if first[column] != second[column]
    ]


def _comparable(row: Row) -> Row:
    attempts = [
        {name: value for name, value in attempt.items() if name not in OF_ATTEMPT} for attempt in row["attempts"] or ()
    ]
    return {name: value for name, value in row.items() if name not in OF_READER} | {"attempts": attempts}


@contextmanager
def serving(checkpoint: Path, log: Path) -> Iterator[str]:
    """Run `vllm serve` with a checkpoint; give its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    model = load_profile(PROFILE).hub or ""
    command = [sys.executable, "-P", "-m", "vllm.entrypoints.openai.api_server", "--model", str(checkpoint), *SERVE]
    environment = {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", **os.environ}
    with log.open("w") as said:
        process = subprocess.Popen(
            [*command, "--served-model-name", model, "--port", str(port)], stdout=said, stderr=said, env=environment
        )
    try:
        while process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
            except OSError:
                time.sleep(0.5)
            else:
                break
        else:
            raise RuntimeError(f"vllm serve ended:\n{log.read_text()[-4000:]}")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(60)


def main() -> None:
    """Read twice, compare, and end with 1 if rows differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", nargs="*", default=["samples"])
    parser.add_argument("--tokens", type=int, default=48)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_checkpoint(folder / "model")
        with serving(folder / "model", folder / "log") as url:
            served = rows_of_server(arguments.inputs, url, folder / "served", arguments.tokens)
        own = rows_of_engine(arguments.inputs, folder / "model", folder / "own", arguments.tokens)
    found = differences(own, served)
    print("\n".join(found))
    read = [row for row in own if row["output_tokens"]]
    texts, marks = {row["raw"] for row in read}, sum(len(SPECIAL.findall(row["raw"])) for row in read)
    print(
        f"{len(own)} first pages, {len(read)} read by the model, {len(texts)} texts, {marks} special tokens: ", end=""
    )
    print(f"{len(found)} differences" if found else "all rows are equal")
    if found or not read:
        sys.exit(1)


if __name__ == "__main__":
    main()
