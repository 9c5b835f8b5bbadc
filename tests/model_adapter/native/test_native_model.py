"""Transformers' own DeepSeek-OCR 2 under our hands: its weights, its decoding, an adapter."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoint_forms import ChangeConfig
from hypothesis import given, settings
from hypothesis import strategies as st
from ngram_rules import Rule, banned_by_rule, rules, small_ids

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from safetensors.torch import load_file, save_file

from ocrmill.model_adapter.checkpoint.check import CheckpointError
from ocrmill.model_adapter.checkpoint.weight_names import needed_shapes, to_ours
from ocrmill.model_adapter.decoding.loop_stop import LoopDetector
from ocrmill.model_adapter.decoding.ngram_rule import NGramRule
from ocrmill.model_adapter.native.decoding import Row, RowEnds, RowRules
from ocrmill.model_adapter.native.model import NativeModel, PageOutput, PageRequest
from ocrmill.model_adapter.native.weights import parameter_slots
from ocrmill.model_adapter.views import PageViews, cut_views

pytestmark = pytest.mark.filterwarnings("ignore")  # transformers' own imports warn

NUM_TOKENS = 6


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Operations of a tiny model take longer on several threads that others keep from their cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def model(tiny_checkpoint: Path) -> NativeModel:
    """The tiny checkpoint as published, in float32."""
    model = NativeModel(tiny_checkpoint, device="cpu", dtype="float32")
    encoded: dict[int, torch.Tensor] = {}
    encode = model.encode

    def encode_once(views: PageViews) -> torch.Tensor:
        if id(views) not in encoded:
            encoded[id(views)] = encode(views)
        return encoded[id(views)]

    model.encode = encode_once  # type: ignore[method-assign] # each page of `pages` once for all tests
    return model


@pytest.fixture(scope="module")
def pages() -> list[PageViews]:
    """With no and with two tiles."""
    draw = np.random.default_rng(1)
    sizes = ((600, 700), (1500, 700))
    return [cut_views(draw.integers(0, 256, (height, width, 3), dtype=np.uint8)) for width, height in sizes]


def read(model: NativeModel, requests: list[PageRequest], **limits: Any) -> list[PageOutput]:
    return model.read(requests, **{"most_output": NUM_TOKENS, "most_tokens": 8192, "stop_loops": False, **limits})


def request(views: PageViews, **others: Any) -> PageRequest:

    return PageRequest(views, "markdown", **others)


def test_both_layouts_load_to_the_same_weights(
    model: NativeModel, tiny_checkpoint: Path, tmp_path: Path, config_forms: dict[str, ChangeConfig]
) -> None:
    """The published layout is converted while it is loaded, each tensor in its place; the other one loads as is."""
    published = json.loads((tiny_checkpoint / "config.json").read_text())
    names = needed_shapes(published)
    slots = parameter_slots(dict(model.model.named_parameters()), names)
    (weights,) = (load_file(file) for file in tiny_checkpoint.glob("*.safetensors"))
    for name, tensor in weights.items():
        assert torch.equal(slots[str(to_ours(name))], tensor.float()), name
    assert sum(slot.numel() for slot in slots.values()) == sum(p.numel() for p in model.model.parameters())

    for file in tiny_checkpoint.glob("token*"):
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "config.json").write_text(json.dumps(config_forms["native"](published)))
    save_file(dict(model.model.state_dict()), tmp_path / "model.safetensors", {"format": "pt"})
    again = NativeModel(tmp_path, device="cpu", dtype="float32")
    for name, parameter in model.model.named_parameters():
        assert torch.equal(parameter, again.model.get_parameter(name)), name
    assert again.model.config.text_config.mlp_layer_types == model.model.config.text_config.mlp_layer_types


def test_pages_together_are_pages_one_by_one(model: NativeModel, pages: list[PageViews]) -> None:
    """Pages of other lengths beside it, and their rules, change nothing on a page; each has its own limit."""
    rule = NGramRule(3, 50)
    requests = [request(pages[0], rule=rule), request(pages[1]), request(pages[0])]
    together = read(model, requests)
    alone = [read(model, [each])[0] for each in requests]

    assert together == alone
    assert together[0].text != together[2].text, "the rule bans nothing"
    (words,) = {output.prompt_tokens - tokens for output, tokens in zip(together, (257, 545, 257), strict=True)}
    assert words == len(model.prompt_ids("markdown", 0))
    assert {(output.finish_reason, output.output_tokens) for output in together} == {("length", NUM_TOKENS)}
    short, long = read(model, requests[:2], most_tokens=together[1].prompt_tokens + 2)
    assert (short.output_tokens, long.output_tokens) == (NUM_TOKENS, 2)


def test_a_page_that_is_sampled_reads_alike_the_next_time(model: NativeModel, pages: list[PageViews]) -> None:
    """Temperature changes the text, and the same page gets the same one again, whatever is beside it."""
    greedy, sampled = request(pages[0]), request(pages[0], temperature=1.0)
    first, beside = read(model, [sampled, greedy])

    assert first == read(model, [sampled])[0]
    assert first.text != beside.text


def test_a_stop_ends_all_pages(model: NativeModel, pages: list[PageViews]) -> None:
    """At the next token after `on_step` says so."""
    calls = iter(range(100))
    (output,) = read(model, [request(pages[0])], on_step=lambda: next(calls) >= 3)

    assert (output.finish_reason, output.output_tokens) == ("abort", 3)


@given(st.lists(small_ids, max_size=30), rules, st.lists(small_ids, min_size=30, max_size=30))
@settings(max_examples=50)
def test_the_rule_is_the_official_one(ids: list[int], rule: Rule, others: list[int]) -> None:
    """Token by token the scores that it bans are those of the rule, beside a row without one."""
    own = NGramRule(rule["ngram_size"], rule["window_size"], frozenset(rule["whitelist_token_ids"]))
    processor = RowRules([Row(99, own), Row(99)])
    for length in range(len(ids) + 1):
        scores = processor(torch.tensor([ids[:length], others[:length]]), torch.zeros(2, 4))
        banned = {token for token in range(4) if scores[0, token] == -torch.inf}
        expected = banned_by_rule(ids[:length], **rule) if length >= own.ngram_size else set()
        assert banned == expected
        assert not torch.isinf(scores[1]).any()


def test_a_row_ends_with_its_own_reason() -> None:
    """The end token does not count to the text; a loop and the limit end a page too."""
    rows = [Row(9), Row(2), Row(999, detector=LoopDetector({}))]
    ends = RowEnds(rows, end=1, on_step=lambda: False)
    columns: list[list[int]] = []
    while rows[2].finish_reason is None:
        columns.append([1 if len(columns) == 3 else 5, 6, 7])
        ended = ends(torch.tensor(columns).T, torch.zeros(3, 8)).tolist()

    assert [row.finish_reason for row in rows] == ["stop", "length", "repetition"]
    assert rows[0].tokens == [5, 5, 5]
    assert rows[1].tokens == [6, 6]
    assert ended == [True, True, True]


@pytest.fixture
def adapter(tmp_path: Path) -> Any:
    """A function that writes an adapter with these pairs."""

    def write(pairs: Mapping[str, tuple[torch.Tensor, torch.Tensor]]) -> Path:
        tensors = {
            f"base_model.model.{module}.lora_{half}.weight": matrix
            for module, pair in pairs.items()
            for half, matrix in zip("AB", pair, strict=True)
        }
        save_file(tensors, tmp_path / "adapter_model.safetensors")
        (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 4}))
        return tmp_path

    return write


def test_an_adapter_is_folded_into_both_halves(tiny_checkpoint: Path, model: NativeModel, adapter: Any) -> None:
    """Encoder, dense layer, and one expert of many, whose weights are parts of larger ones."""
    modules = {
        "model.qwen2_model.model.model.layers.0.self_attn.q_proj": (128, 128),
        "model.layers.0.mlp.down_proj": (640, 320),
        "model.layers.1.mlp.experts.3.up_proj": (320, 160),
    }
    draw = torch.Generator().manual_seed(0)
    pairs = {
        module: (torch.randn(2, width_in, generator=draw), torch.randn(width_out, 2, generator=draw))
        for module, (width_in, width_out) in modules.items()
    }
    folded = NativeModel(tiny_checkpoint, device="cpu", dtype="float32", lora=adapter(pairs))
    names = needed_shapes(json.loads((tiny_checkpoint / "config.json").read_text()))
    before, after = (parameter_slots(dict(each.model.named_parameters()), names) for each in (model, folded))
    ours = [str(to_ours(f"{module}.weight")) for module in modules]

    assert set(ours) == {name for name in names if not torch.equal(before[name], after[name])}
    for name, (a, b) in zip(ours, pairs.values(), strict=True):
        torch.testing.assert_close(after[name], before[name] + 2 * (b @ a))


def test_what_the_model_does_not_have_is_refused(tiny_checkpoint: Path, adapter: Any) -> None:
    """An adapter on all experts of a layer at once has names of its own; it is refused by the first."""
    folder = adapter({"model.layers.1.mlp.experts.base_layer": (torch.zeros(2, 320), torch.zeros(160, 2))})
    with pytest.raises(CheckpointError, match=r"does not fit: transformers' \S+ 2 has no \S*base_layer"):
        NativeModel(tiny_checkpoint, device="cpu", dtype="float32", lora=folder)
