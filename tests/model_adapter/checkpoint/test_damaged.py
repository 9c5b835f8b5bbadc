"""Damaged checkpoints and adapters are refused at once, in a sentence that says what is wrong."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from made_checkpoints import INDEX, make_adapter, make_checkpoint, write_safetensors

from ocrmill.model_adapter.checkpoint.adapter_check import check_adapter
from ocrmill.model_adapter.checkpoint.check import CheckpointError, check_checkpoint

MODULES = {"model.layers.0.self_attn.q_proj": (320, 320)}
MATRIX = "base_model.model.model.layers.0.self_attn.q_proj"


@pytest.mark.parametrize("name", ["num_hidden_layers", "n_routed_experts"])
def test_sizes_that_no_model_has_end_at_once(tmp_path: Path, name: str) -> None:
    """A thousand million layers or experts are not listed one by one."""
    folder = make_checkpoint(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config["language_config"][name] = 10**9
    (folder / "config.json").write_text(json.dumps(config))
    started = time.process_time()

    with pytest.raises(CheckpointError, match="more than 100,000 tensors"):
        check_checkpoint(folder)
    assert time.process_time() - started < 5


def test_an_index_of_nothing_is_damaged(tmp_path: Path) -> None:
    """Its files beside it do not count then: they may be of anything."""
    folder = make_checkpoint(tmp_path / "model")
    (folder / INDEX).write_text('{"weight_map": {}}')

    with pytest.raises(CheckpointError, match="weight_map is empty"):
        check_checkpoint(folder)


def test_a_folder_of_models_names_them(tmp_path: Path) -> None:
    """The folder above the models is a slip of the hand: the sentence lists those below."""
    for name in ("one", "two"):
        make_checkpoint(tmp_path / name)

    with pytest.raises(CheckpointError, match=r"is no model, but holds some: name one with --model \(one, two\)"):
        check_checkpoint(tmp_path)


@pytest.mark.parametrize("config", [{"r": 0}, {"r": 4, "rank_pattern": {"q_proj": -1}}])
def test_an_adapter_without_a_rank_is_damaged(tmp_path: Path, config: dict[str, Any]) -> None:
    """A rank under one leaves no matrix."""
    with pytest.raises(CheckpointError, match=r"a rank in its adapter_config\.json is (0|-1)"):
        check_adapter(make_adapter(tmp_path / "adapter", MODULES, **config), None)


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ([f"{MATRIX}.lora_A.weight"], "lora_A.weight is there without its other half"),
        ([f"{MATRIX}.lora_B.weight"], "lora_B.weight is there without its other half"),
        ([f"{MATRIX}.lora_magnitude_vector"], "lora_magnitude_vector, which vLLM does not apply"),
        (["base_model.model.model.embed_tokens.lora_embedding_A"], "lora_embedding_A, which vLLM does not apply"),
    ],
)
def test_what_is_no_pair_of_matrices_is_refused(tmp_path: Path, tensors: list[str], said: str) -> None:
    """Halves of a pair, and what DoRA or embeddings add, would be left out without a word."""
    folder = make_adapter(tmp_path / "adapter", MODULES)
    write_safetensors(folder / "adapter_model.safetensors", dict.fromkeys(tensors, ("F32", (4, 320))))

    with pytest.raises(CheckpointError, match=said):
        check_adapter(folder, None)
