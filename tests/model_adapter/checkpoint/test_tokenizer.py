"""The tokenizer of seeded checkpoints: the published special ids, and text that survives."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrmill.model_adapter.checkpoint.published_config import ModelSize, published_config
from ocrmill.model_adapter.checkpoint.seeded_tokenizer import special_tokens_map, tokenizer_config, tokenizer_json

tokenizers = pytest.importorskip("tokenizers")

BOS, EOS, PAD, IMAGE = 0, 1, 2, 128815
GROUNDED = "\n<|grounding|>Convert the document to markdown."

# As published; ids 0, 1 and 2 besides.
PUBLISHED_IDS = {
    "<image>": 128815,
    "<|ref|>": 128816,
    "<|/ref|>": 128817,
    "<|det|>": 128818,
    "<|/det|>": 128819,
    "<|grounding|>": 128820,
    "<td>": 128821,
    "</td>": 128822,
    "<tr>": 128823,
    "</tr>": 128824,
    "<|User|>": 128825,
    "<|Assistant|>": 128826,
}

PAGE = (
    "<|ref|>title<|/ref|><|det|>[[62, 41, 933, 999]]<|/det|>\n# Über  Töne\n\n\tΔ ≥ 12,345.60 €\r\n"
    '東京 かな <table><tr><td colspan="2">a b</td></tr></table>\n \n  end '
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint's tokenizer files and config."""
    folder = tmp_path_factory.mktemp("checkpoint")
    contents = {
        "tokenizer.json": tokenizer_json(),
        "tokenizer_config.json": tokenizer_config(),
        "special_tokens_map.json": special_tokens_map(),
        "config.json": published_config(ModelSize.TINY),
    }
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    return tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))


def resaved(folder: Path, copy: Path) -> Path:
    """A checkpoint as fine-tuning tools leave it: under a model type that no library knows."""
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "model_type": "DeepseekOCR2Finetuned"}))
    return copy


def load_fast(folder: Path) -> Any:
    """The loader that asks no config which class it should be."""
    return pytest.importorskip("transformers").PreTrainedTokenizerFast.from_pretrained(folder)


@pytest.mark.parametrize(("token", "token_id"), PUBLISHED_IDS.items())
def test_special_tokens_have_the_published_ids(tokenizer: Any, token: str, token_id: int) -> None:
    """Each special token is one id, wherever it stands, and comes back only if special tokens are kept."""
    ids = tokenizer.encode(f"a{token}b", add_special_tokens=False).ids

    assert ids.count(token_id) == 1
    assert tokenizer.encode(token, add_special_tokens=False).ids == [token_id]
    assert tokenizer.decode(ids, skip_special_tokens=False) == f"a{token}b"
    assert tokenizer.decode(ids) == "ab"


def test_only_the_bare_table_tags_are_tokens(tokenizer: Any) -> None:
    """`<table>`, and a cell with attributes, are ordinary text."""
    for text in ("<table>", '<td colspan="2">'):
        assert max(tokenizer.encode(text).ids) < 128000


def test_added_tokens_fill_the_published_ids(tokenizer: Any) -> None:
    """830 tokens: BOS, EOS, PAD, and 128000 to 128826; the base vocabulary has 128,000, and no id is without text."""
    added = tokenizer.get_added_tokens_decoder()

    assert set(added) == {BOS, EOS, PAD, *range(128000, 128827)}
    assert tokenizer.get_vocab_size(with_added_tokens=False) == 128000
    assert all(tokenizer.decode([token_id], skip_special_tokens=False) for token_id in range(128827))


def test_a_prompt_gets_one_bos(tokenizer: Any) -> None:
    """Encoding puts BOS in front, once, and no EOS behind; without special tokens there is neither."""
    ids = tokenizer.encode("<image>" + GROUNDED).ids

    assert ids[:2] == [BOS, IMAGE]
    assert ids.count(BOS) == 1
    assert EOS not in ids
    assert tokenizer.encode("<image>" + GROUNDED, add_special_tokens=False).ids == ids[1:]


def test_a_prompt_may_be_put_together_from_pieces(tokenizer: Any) -> None:
    """BOS, as many image ids as there are visual tokens, and the text after the image: the same ids as in one go."""
    after_image = tokenizer.encode(GROUNDED, add_special_tokens=False).ids

    assert tokenizer.encode("<image>" * 1121 + GROUNDED).ids == [BOS] + [IMAGE] * 1121 + after_image
    assert tokenizer.decode(after_image, skip_special_tokens=False) == GROUNDED


@given(text=st.text(max_size=200))
def test_any_text_comes_back(tokenizer: Any, text: str) -> None:
    """Byte-level tokens hold every character: blanks, line ends, all scripts."""
    ids = tokenizer.encode(text, add_special_tokens=False).ids

    assert tokenizer.decode(ids, skip_special_tokens=False) == text


def test_transformers_chooses_the_byte_level_tokenizer(folder: Path) -> None:
    """With the published model type, the misleading class name in tokenizer_config.json is not followed."""
    tokenizer = pytest.importorskip("transformers").AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    ids = tokenizer.encode(PAGE)

    assert ids[0] == BOS
    assert ids.count(BOS) == 1
    assert tokenizer.decode(ids[1:], skip_special_tokens=False) == PAGE
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (BOS, EOS, PAD)
    assert {token: tokenizer.vocab[token] for token in PUBLISHED_IDS} == PUBLISHED_IDS


def test_a_resaved_checkpoint_needs_the_class_named(folder: Path, tmp_path: Path) -> None:
    """Under an unknown model type AutoTokenizer drops blanks and line ends; PreTrainedTokenizerFast does not."""
    transformers = pytest.importorskip("transformers")
    copy = resaved(folder, tmp_path)
    guessed = transformers.AutoTokenizer.from_pretrained(copy, trust_remote_code=False)
    named = load_fast(copy)

    assert "\n" not in guessed.decode(guessed.encode(PAGE, add_special_tokens=False))
    assert named.encode(PAGE) == load_fast(folder).encode(PAGE)
    assert named.decode(named.encode(PAGE, add_special_tokens=False)) == PAGE
