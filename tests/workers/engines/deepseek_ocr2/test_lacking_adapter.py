"""An adapter that cannot be used ends in one sentence, soon, before Ray starts."""

import os
import re
from pathlib import Path

import pytest
from made_checkpoints import (
    folder_with,
    make_adapter,
    make_checkpoint,
)
from refusals import Cases, Refusal

LAYER = "model.layers.0.self_attn"


def adapter_with_broken_config(folder: Path) -> None:
    make_adapter(folder, {})
    (folder / "adapter_config.json").write_text("{")


def adapter_cut_off(folder: Path) -> None:
    make_adapter(folder, {f"{LAYER}.q_proj": (320, 320)})
    os.truncate(folder / "adapter_model.safetensors", 700)


ADAPTERS: Cases = {
    "no folder": (lambda folder: None, r"there is no folder .*/adapter: name the adapter's folder with --lora"),
    "nothing in it": (lambda folder: folder.mkdir(), r"adapter lacks adapter_config.json, adapter_model.safetensors"),
    "for another encoder": (
        lambda folder: make_adapter(
            folder, {f"{LAYER}.q_proj": (320, 320), "model.vision_model.transformer.layers.0.mlp.fc1": (1024, 4096)}
        ),
        r"adapter was trained on another model: the model has no module for \S*vision_model",
    ),
    "for an encoder of other sizes": (
        lambda folder: make_adapter(folder, {"model.vision_tower.vision_encoder.layers.0.self_attn.q_proj": (9, 9)}),
        r"adapter was trained on another model: \S*vision_tower\S* is \(4, 9\), for weights that are \(128, 128\)",
    ),
    "of a llama": (
        lambda folder: make_adapter(folder, {f"{LAYER}.q_proj": (4096, 4096)}),
        r"adapter was trained on another model: \S+ is \(4, 4096\), for weights that are \(320, 320\)",
    ),
    "of a bert": (
        lambda folder: make_adapter(folder, {"bert.encoder.layer.0.query": (9, 9)}),
        r"adapter was trained on another model: DeepSeek-OCR has no module for \S*bert",
    ),
    "pickled": (
        lambda folder: folder_with(folder, "adapter_config.json", "adapter_model.bin"),
        r"its weights as a PyTorch pickle \(adapter_model.bin\).*safe_serialization=True",
    ),
    "dora": (
        lambda folder: make_adapter(folder, {f"{LAYER}.q_proj": (320, 320)}, use_dora=True),
        r"adapter uses use_dora, which ocrmill and vLLM cannot",
    ),
    "more than lora": (
        lambda folder: make_adapter(folder, {f"{LAYER}.q_proj": (320, 320)}, modules_to_save=["lm_head"]),
        r"adapter uses modules_to_save=\['lm_head'\], and holds no tensor of the encoder for it",
    ),
    "of another start": (
        lambda folder: make_adapter(folder, {f"{LAYER}.q_proj": (320, 320)}, init_lora_weights="pissa"),
        r"adapter uses init_lora_weights=pissa, which ocrmill and vLLM cannot",
    ),
    "of another kind": (
        lambda folder: make_adapter(folder, {f"{LAYER}.q_proj": (320, 320)}, peft_type="IA3"),
        r"adapter is of type IA3, and vLLM runs LoRA only",
    ),
    "too high a rank": (
        lambda folder: make_adapter(folder, {f"{LAYER}.q_proj": (320, 320)}, rank_pattern={"q_proj": 1024}),
        r"adapter has rank 1024, and vLLM takes 512 at most",
    ),
    "broken config": (
        adapter_with_broken_config,
        r"adapter_config.json is damaged",
    ),
    "cut off": (
        adapter_cut_off,
        r"adapter_model.safetensors is cut off",
    ),
}


@pytest.mark.parametrize("case", ADAPTERS)
def test_the_adapter_is_not_as_it_should_be(refusal: Refusal, tmp_path: Path, case: str) -> None:
    """An adapter that vLLM would drop without a word, or refuse minutes later, is refused by name."""
    make, expected = ADAPTERS[case]
    make(tmp_path / "adapter")
    model = make_checkpoint(tmp_path / "model")

    assert re.search(expected, refusal("--model", model, "--lora", tmp_path / "adapter"))
