"""Prompts in the settings: by name, from a file, as a text."""

from pathlib import Path

import pytest

from ocrmill.commands.terminal.chosen_settings import settings_of_options
from ocrmill.configs.errors import SettingsError
from ocrmill.configs.load import load_settings, print_settings
from ocrmill.configs.profiles.prompt import NAMES, read_prompt
from ocrmill.configs.settings import RunSettings
from ocrmill.model_adapter.prompts import PROMPTS, prompt_text

WORDS = "Read the table.\nNo comments."


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "table.txt"
    path.write_text(f"<image>\n{WORDS}\n")
    return path


def asked(prompt: str, **options: str) -> RunSettings:
    """The settings by `--prompt` and other options."""
    return settings_of_options([], [], prompt=prompt, **options)


def test_names_are_those_of_the_model() -> None:
    """Each name in the settings has its words, and each words their name."""
    assert tuple(PROMPTS) == NAMES
    assert all(read_prompt(name) == name for name in NAMES)


def test_a_file_counts_by_its_content(file: Path) -> None:
    """A file, a copy of it and its text are one prompt, and one fingerprint; another word is another one."""
    copy = file.with_name("copy.md")
    copy.write_text(file.read_text())
    by_file = asked(str(file))

    assert by_file.engine.deepseek_ocr2.prompt == WORDS
    assert by_file.engine.name == "deepseek-ocr2"
    assert {asked(str(copy)).fingerprint(), asked(WORDS).fingerprint()} == {by_file.fingerprint()}
    file.write_text(f"{WORDS} None.")
    assert asked(str(file)).fingerprint() != by_file.fingerprint()
    assert prompt_text(WORDS) == f"<image>\n{WORDS}"


def test_settings_that_are_printed_have_the_text(file: Path, tmp_path: Path) -> None:
    """The output of `--print-config` asks the same, wherever the file is by then."""
    (tmp_path / "mine.toml").write_text(print_settings(asked(str(file))))
    file.unlink()

    assert load_settings([tmp_path / "mine.toml"], []).engine.deepseek_ocr2.prompt == WORDS


def test_a_prompt_goes_to_the_engine_that_reads() -> None:
    """By `--engine` and `--url` it is that engine's; the built-in OCR and engines of other packages refuse it."""
    assert asked("locate:  the total ").engine.deepseek_ocr2.prompt == "locate: the total"
    assert asked("ocr_lines", engine="deepseek-ocr").engine.deepseek_ocr.prompt == "ocr_lines"
    endpoint = settings_of_options([], [], prompt="plain", urls=["http://a/v1"], profile="deepseek-ocr").engine.endpoint
    assert (endpoint.asked_profile and endpoint.asked_profile.prompt) == "Free OCR."
    assert endpoint.prompt_name == "deepseek-ocr: plain"
    with pytest.raises(SettingsError, match=r"--prompt is for --engine .*; RapidOCR, the engine cpu, takes none"):
        asked("free_ocr", engine="cpu")
    with pytest.raises(SettingsError, match=r"are not for program: set engine\.options"):
        asked("free_ocr", engine="program")


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("markdwon", "there is no prompt markdwon, and no such file; choose markdown, free_ocr"),
        ("prompts/none.txt", "there is no prompt prompts/none.txt, and no such file"),
        ("locate: ", "a prompt has words"),
        (" ", "a prompt has words"),
        ("Read <image> and <image>.", "a prompt has one <image>, at its beginning"),
        ("a b" * 1000, "a prompt has 2,000 bytes at most, and this one has 3,000"),
    ],
)
def test_what_is_no_prompt_is_refused(prompt: str, said: str) -> None:
    """A typing error, a file that is missing, no words, two images, a book: each is a sentence."""
    with pytest.raises(SettingsError) as caught:
        asked(prompt)
    assert "engine.deepseek_ocr2.prompt" in str(caught.value)
    assert said in str(caught.value)


def test_a_profile_without_a_prompt_takes_none() -> None:
    """An `image_only` model, and words to be located behind a server, are contradictions."""
    with pytest.raises(SettingsError, match="the profile lightonocr-2-1b sends pages without a prompt: leave it out"):
        asked("Read it.", urls=["http://a/v1"], profile="lightonocr-2-1b")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="begins with locate:, which is for deepseek-ocr"):
        asked("locate: x", urls=["http://a/v1"], profile="qwen3-vl")  # type: ignore[arg-type]
