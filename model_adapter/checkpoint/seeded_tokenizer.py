"""A byte-level BPE tokenizer with the structure and the special ids of the published one, for seeded checkpoints.

What agrees with the published `tokenizer.json`: the kinds of pre-tokenizers, byte-level decoding, the BOS that the
post-processor puts in front, a base vocabulary of 128,000, and the 830 added tokens with their ids. What does not: the
pattern for words, and the learned merges. Here only pairs of lower-case letters, and a space with a letter, are
merged, so that text takes more tokens. The ids that are left are placeholder words (12345 reads " w12345"): no text is
ever encoded to them, but a model without training writes them.

    ids  0 to 2             BOS, EOS, PAD
         3 to 258           the bytes
         259 to 960         merges
         961 to 127999      placeholder words
         128000 to 128826   added tokens
         128827 to 129279   none: rows of the embedding without a token
"""

# ruff: noqa: RUF001 (the bars in the names of tokens are full-width)

from string import ascii_lowercase
from typing import Any

from ocrmill.model_adapter.checkpoint.check import IMAGE_TOKEN_ID

BOS, EOS, PAD = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>"
BASE_VOCABULARY = 128_000
_ROLES = {"bos_token": BOS, "eos_token": EOS, "pad_token": PAD}
_ADDITIONAL_TOKENS = ("<|User|>", "<|Assistant|>")
_NUM_PLACEHOLDERS = 800

_SPECIAL_TOKENS = {
    BOS: 0,
    EOS: 1,
    PAD: 2,
    "<|EOT|>": 128805,
    "<image>": IMAGE_TOKEN_ID,
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

_OTHER_TOKENS = {
    **{f"<｜place▁holder▁no▁{index}｜>": BASE_VOCABULARY + index for index in range(_NUM_PLACEHOLDERS)},
    "<｜fim▁hole｜>": 128800,
    "<｜fim▁begin｜>": 128801,
    "<｜fim▁end｜>": 128802,
    "<｜User｜>": 128803,
    "<｜Assistant｜>": 128804,
    "<｜tool▁calls▁begin｜>": 128806,
    "<｜tool▁calls▁end｜>": 128807,
    "<｜tool▁call▁begin｜>": 128808,
    "<｜tool▁call▁end｜>": 128809,
    "<｜tool▁outputs▁begin｜>": 128810,
    "<｜tool▁outputs▁end｜>": 128811,
    "<｜tool▁output▁begin｜>": 128812,
    "<｜tool▁output▁end｜>": 128813,
    "<｜tool▁sep｜>": 128814,
}

_WORDS = r" ?\p{L}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def tokenizer_json() -> dict[str, Any]:
    """The content of `tokenizer.json`."""
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": index, **_added_token(token)} for token, index in _added_tokens()],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                _split(r"\p{N}{1,3}"),
                _split("[\u4e00-\u9fff\u3040-\u30ff]+"),  # Chinese characters, kana
                _split(_WORDS),
                _byte_level(use_regex=False),
            ],
        },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [_template_bos(0), _template_text("A", 0)],
            "pair": [_template_bos(0), _template_text("A", 0), _template_bos(1), _template_text("B", 1)],
            "special_tokens": {BOS: {"id": BOS, "ids": [0], "tokens": [BOS]}},
        },
        "decoder": _byte_level(use_regex=True),
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": {token: index for index, token in enumerate(_vocabulary())},
            "merges": _merges(),
        },
    }


def tokenizer_config() -> dict[str, Any]:
    """The content of `tokenizer_config.json`, with the published class name, which is misleading."""
    return {
        **{role: {"__type": "AddedToken", **_added_token(token)} for role, token in _ROLES.items()},
        "add_bos_token": True,
        "add_eos_token": False,
        "add_prefix_space": None,
        "added_tokens_decoder": {str(index): _added_token(token) for token, index in _added_tokens()},
        "additional_special_tokens": list(_ADDITIONAL_TOKENS),
        "clean_up_tokenization_spaces": False,
        "legacy": True,
        "model_max_length": 10**30,
        "sp_model_kwargs": {},
        "tokenizer_class": "LlamaTokenizerFast",
        "unk_token": None,
        "use_default_system_prompt": False,
    }


def special_tokens_map() -> dict[str, Any]:
    """The content of `special_tokens_map.json`."""
    return {
        "additional_special_tokens": [_added_token(token) for token in _ADDITIONAL_TOKENS],
        **{role: _added_token(token) for role, token in _ROLES.items()},
    }


def _added_tokens() -> list[tuple[str, int]]:
    return sorted((_SPECIAL_TOKENS | _OTHER_TOKENS).items(), key=lambda item: item[1])


def _added_token(token: str) -> dict[str, Any]:
    return {
        "content": token,
        "lstrip": False,
        "normalized": token not in _SPECIAL_TOKENS,
        "rstrip": False,
        "single_word": False,
        "special": token in _SPECIAL_TOKENS,
    }


def _vocabulary() -> list[str]:
    learned = [BOS, EOS, PAD, *_byte_characters(), *(first + second for first, second in _merges())]
    return [*learned, *(f"{_SPACE}w{index}" for index in range(len(learned), BASE_VOCABULARY))]


def _merges() -> list[tuple[str, str]]:
    return [(first, second) for first in (*ascii_lowercase, _SPACE) for second in ascii_lowercase]


def _byte_characters() -> list[str]:
    """The character that stands for each byte in a byte-level vocabulary.

    Printable Latin-1 characters stand for themselves, the other bytes, in order, for the characters from U+0100 on
    (GPT-2's table).
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte if byte in printable else 0x100 + others.index(byte)) for byte in range(256)]


_SPACE = _byte_characters()[ord(" ")]


def _split(pattern: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def _byte_level(*, use_regex: bool) -> dict[str, Any]:
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def _template_bos(sequence: int) -> dict[str, Any]:
    return {"SpecialToken": {"id": BOS, "type_id": sequence}}


def _template_text(name: str, sequence: int) -> dict[str, Any]:
    return {"Sequence": {"id": name, "type_id": sequence}}
