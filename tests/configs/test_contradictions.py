"""Settings that contradict each other are refused when they are loaded, in one sentence that names them."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from ocrmill.configs.contradictions import PROMPT_TOKENS, VISUAL_TOKENS
from ocrmill.configs.errors import SettingsError
from ocrmill.configs.load import load_settings, print_settings
from ocrmill.model_adapter.prompts import PROMPTS
from ocrmill.model_adapter.tiling import LAYOUTS

MODEL = "engine.deepseek_ocr2"
FIRST = "engine.deepseek_ocr"
REFUSED: list[tuple[Sequence[str], str]] = [
    ([f"{MODEL}.ngram_size=60"], f"{MODEL}.ngram_size is 60 and {MODEL}.ngram_window is 50: an n-gram must fit"),
    ([f"{MODEL}.ngram_window=19"], f"{MODEL}.ngram_size is 20 and {MODEL}.ngram_window is 19"),
    ([f"{MODEL}.ngram_size=1"], f"{MODEL}.ngram_size is 1: no token could come twice; take 2 or more, or 0"),
    ([f"{MODEL}.max_tiles=64"], f"{MODEL}.max_tiles is 64, with which a page takes 9505 tokens, and"),
    ([f"{MODEL}.max_model_len=1024"], f"page takes 1153 tokens, and {MODEL}.max_model_len is 1024"),
    (
        [f"{MODEL}.max_model_len=4096", f"{MODEL}.max_output_tokens=5000"],
        f"{MODEL}.max_output_tokens is 5000, more than the 4096 tokens of page and text together",
    ),
    (
        [f"{MODEL}.prefill_tokens=512", f"{MODEL}.pages_in_flight=600"],
        f"{MODEL}.prefill_tokens (512) must not be less than {MODEL}.pages_in_flight (600)",
    ),
    (
        ["engine.name=deepseek-ocr", f"{FIRST}.mode=base", f"{FIRST}.max_tiles=9"],
        f"{FIRST}.max_tiles is 9, and {FIRST}.mode is base, which has no tiles: leave one out",
    ),
    (
        ["engine.name=deepseek-ocr", f"{FIRST}.mode=gundam-master", f"{FIRST}.max_tiles=30"],
        f"{FIRST}.max_tiles is 30, with which a page takes 8613 tokens, and {FIRST}.max_model_len is 8192",
    ),
    (["engine.tries.rungs=[{max_tiles=60}]"], "engine.tries.rungs[0].max_tiles is 60, with which a page takes 8929"),
    (
        ["engine.name=cpu", "engine.tries.rungs=[{max_tiles=9}]"],
        "and only deepseek-ocr2, transformers and modes of deepseek-ocr",
    ),
    (
        ["engine.name=cpu", 'engine.tries.rungs=[{engine="cpu"}]'],
        "which is the engine that read the page: name an",
    ),
    (["engine.tries.rungs=[{}]"], "a rung says what differs: own, prompt, temperature, turn, dpi"),
    (["engine.tries.rungs=[{own=true, dpi=99}]"], "a rung with own has nothing else but handles, not own, dpi"),
    (["engine.tries.rungs=[{turn=90, halves=true}]"], "a rung turns a page or reads it in halves, not both"),
    (["engine.tries.rungs=[{ngram_size=9}]"], "a rung has ngram_size and ngram_window, or none of them"),
    (["engine.tries.rungs=[{dpi=9}]"], "engine.tries.rungs.0.dpi"),
    (["engine.tries.rungs=[{dpi=99, profile='x'}]"], "a rung with urls or profile has engine = 'endpoint'"),
    (["engine.tries.rungs=[{dpi=99, handles=['engine_error']}]"], "only a rung with another engine answers"),
    (["raster.page_wall_s=9"], "raster.page_wall_s must not be smaller than raster.page_cpu_s (9 and 10 s)"),
    (["raster.open_cpu_s=90"], "so that raster.open_cpu_s must not be more (90)"),
    (["raster.recycle_rss_mb=4000"], "raster.recycle_rss_mb (4000) must be less than raster.memory_mb (3072)"),
    (["raster.dpi=600"], "raster.dpi is 600, at which an A4 page is 7014 px long, and raster.max_side_px is 4096"),
    (["engine.cpu.detector_dpi=300"], "engine.cpu.detector_dpi is 300, and page images have 144 at most (raster.dpi)"),
    (
        ["engine.cpu.detector_max_side_px=8000"],
        "engine.cpu.detector_max_side_px is 8000, and page images have 4096 at most (raster.max_side_px)",
    ),
    (["routing.min_vowels=0.6"], "routing.min_vowels (0.6) must be less than routing.max_vowels (0.5)"),
    (
        ["quality.tail_chars=100"],
        "quality.truncated_tail_chars (200) must not be more than quality.tail_chars (100)",
    ),
    (
        ["input.max_member_mb=4000", "input.max_archive_gb=2"],
        "input.max_member_mb is 4000, and all members of an archive together may take 2 GiB",
    ),
    (
        ['input.include=["*.pdf", "a/*"]', 'input.exclude=["*.pdf"]'],
        "input.include and input.exclude both name *.pdf: nothing would be left of it",
    ),
    (["storage.endpoint=minio:9000"], "storage.endpoint is minio:9000: write it as a URL"),
    (["storage.connect_s=90"], "storage.connect_s (90) must not be more than storage.timeout_s (60)"),
    (
        ["workers.preemption=gcp", "workers.drain_s=30"],
        "workers.drain_s is 30, and the cloud of workers.preemption=gcp takes a machine away 30 s after its warning",
    ),
]


@pytest.mark.parametrize(("overrides", "sentence"), REFUSED)
def test_a_contradiction_is_refused(overrides: list[str], sentence: str) -> None:
    """One line, with where the values were set, both settings, and their values."""
    with pytest.raises(SettingsError) as refused:
        load_settings((), overrides)

    assert str(refused.value).startswith("--set: ")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "overrides",
    [
        [f"{MODEL}.ngram_size=0", f"{MODEL}.ngram_window=1"],
        [f"{MODEL}.ngram_size=50"],
        [f"{MODEL}.max_tiles=12"],
        ["engine.name=deepseek-ocr", f"{MODEL}.ngram_size=60"],
        ["engine.name=deepseek-ocr", f"{FIRST}.mode=tiny"],
        ["engine.name=deepseek-ocr", f"{FIRST}.max_tiles=9"],
        [f"{MODEL}.max_model_len=4096"],
        ["engine.name=cpu", f"{MODEL}.ngram_size=60"],
        ["engine.name=deepseek-ocr2", "engine.cpu.detector_dpi=300"],
        ["raster.max_side_px=1024"],
        ["raster.dpi=100"],
        ["raster.dpi=350"],
        ["raster.dpi=600", "raster.max_side_px=8000"],
        ["raster.page_wall_s=20"],
        ["raster.memory_mb=768"],
        ["engine.cpu.detector_dpi=200", "raster.dpi=200"],
        ["input.max_archive_gb=1"],
        ["storage.timeout_s=3"],
        ["storage.endpoint='https://minio.example'"],
        ["workers.preemption=aws", "workers.drain_s=60"],
        ["workers.drain_s=600"],
    ],
)
def test_what_is_no_contradiction_passes(overrides: list[str]) -> None:
    """A default that a smaller limit leaves without effect, and what the engine that is named does not use."""
    made = load_settings((), overrides)

    assert print_settings(made)


def test_what_is_printed_is_no_contradiction(tmp_path: Path) -> None:
    """A file that writes out every value, defaults too, loads as what it was printed from."""
    made = load_settings((), ["raster.max_side_px=1024", "raster.page_wall_s=20", "input.max_archive_gb=1"])
    (tmp_path / "all.toml").write_text(print_settings(made))

    assert made == load_settings([tmp_path / "all.toml"], [])


def test_all_contradictions_are_named() -> None:
    """Not only the first, still in one line."""
    with pytest.raises(SettingsError, match=r"ngram_size is 1.*; .*min_vowels"):
        load_settings((), [f"{MODEL}.ngram_size=1", "routing.min_vowels=0.6"])


def test_tokens_are_counted_as_the_model_counts_them() -> None:
    """The settings count tokens as the model's own arithmetic does."""
    assert {name: layout.with_max_tiles(9).most_visual_tokens for name, layout in LAYOUTS.items()} == {
        name: 9 * of_a_tile + others for name, (of_a_tile, others) in VISUAL_TOKENS.items()
    }


def test_every_prompt_fits(tiny_checkpoint: Path) -> None:
    """No prompt has more tokens beside the image than are allowed for."""
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer.from_file(str(tiny_checkpoint / "tokenizer.json"))
    longest = max(len(tokenizer.encode(f"\n{words}").ids) for words in PROMPTS.values())

    assert longest <= PROMPT_TOKENS
