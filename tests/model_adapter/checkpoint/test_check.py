"""Checkpoints that can be loaded pass, in every form that they come in."""

import json
import re
from pathlib import Path

import pytest
from checkpoint_forms import ChangeConfig
from made_checkpoints import INDEX, make_checkpoint, write_safetensors
from narrowed import present

from ocrmill.model_adapter.checkpoint.check import CheckpointError, check_checkpoint
from ocrmill.model_adapter.checkpoint.published_config import ModelSize
from ocrmill.model_adapter.checkpoint.safetensors_header import DamagedFileError, read_header
from ocrmill.model_adapter.checkpoint.weight_names import _PREFIXES

TRANSFORMERS = {
    ours: theirs for theirs, ours in _PREFIXES.items() if re.search("vision_tower|projector|separator|language", theirs)
}


def renamed(folder: Path, *, fused: bool) -> None:
    """Give a checkpoint the names of transformers, with the experts of a layer in one tensor or not."""
    deepseek = {theirs: ours for theirs, ours in _PREFIXES.items() if theirs not in TRANSFORMERS.values()}
    tensors = {}
    for shard in sorted(folder.glob("*.safetensors")):
        for name, tensor in read_header(shard).items():
            prefix = next(prefix for prefix in deepseek if name.startswith(prefix))
            ours = deepseek[prefix] + name.removeprefix(prefix)
            known = next((start for start in TRANSFORMERS if ours.startswith(start)), None)
            theirs = name if known is None else TRANSFORMERS[known] + ours.removeprefix(known)
            theirs = re.sub(r"(sam_encoder\.layers\.\d+\.)(norm[12])", r"\1layer_\2", theirs)
            tensors[theirs] = (tensor.dtype, tensor.shape)
        shard.unlink()
    (folder / INDEX).unlink()
    if fused:
        for name in [name for name in tensors if ".experts." in name]:
            layer, index, part = present(re.fullmatch(r"(.*\.experts)\.(\d+)\.(\w+)\.weight", name)).groups()
            dtype, (rows, columns) = tensors.pop(name)
            if index == "0" and part != "up_proj":
                shape = (16, rows, columns) if part == "down_proj" else (16, 2 * rows, columns)
                tensors[f"{layer}.{'down_proj' if part == 'down_proj' else 'gate_up_proj'}"] = (dtype, shape)
    write_safetensors(folder / "model.safetensors", tensors)


@pytest.mark.parametrize("size", ModelSize)
def test_published_checkpoints_pass(tmp_path: Path, size: ModelSize) -> None:
    """Of every size, in shards; the schema comes back."""
    schema = check_checkpoint(make_checkpoint(tmp_path / "model", size))

    assert {"language_config", "vision_config", "projector_config"} == set(present(schema))


def test_a_seeded_checkpoint_passes(tiny_checkpoint: Path) -> None:
    """With real weights and the real tokenizer."""
    assert check_checkpoint(tiny_checkpoint) is not None


@pytest.mark.parametrize("form", ["published", "resaved", "native"])
@pytest.mark.parametrize("fused", [False, True])
def test_every_form_passes(tmp_path: Path, config_forms: dict[str, ChangeConfig], form: str, fused: bool) -> None:
    """Published, re-saved, and native to transformers, whose names and experts differ."""
    folder = make_checkpoint(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config_forms[form](config)))
    if form == "native":
        renamed(folder, fused=fused)

    assert check_checkpoint(folder) is not None


def test_what_transformers_leaves_out_is_no_fault(tmp_path: Path, config_forms: dict[str, ChangeConfig]) -> None:
    """Its configs may lack sizes that are its defaults: those are left to vLLM, which reads them with transformers."""
    folder = make_checkpoint(tmp_path / "model")
    config = config_forms["native"](json.loads((folder / "config.json").read_text()))
    del config["text_config"]["hidden_size"]
    (folder / "config.json").write_text(json.dumps(config))
    renamed(folder, fused=False)

    assert check_checkpoint(folder) is None


def test_query_tables_of_other_sizes_are_no_fault(tmp_path: Path) -> None:
    """Some copies of the published checkpoint still hold them, and loading drops them."""
    folder = make_checkpoint(tmp_path / "model")
    (folder / INDEX).unlink()
    write_safetensors(folder / "more.safetensors", {"model.qwen2_model.query_640.weight": ("BF16", (100, 128))})

    assert check_checkpoint(folder) is not None


def test_an_index_decides_which_files_count(tmp_path: Path) -> None:
    """As for vLLM: a file that lies there and is not in the index, as of another format, is nobody's."""
    folder = make_checkpoint(tmp_path / "model")
    write_safetensors(folder / "consolidated.safetensors", {"tok_embeddings.weight": ("BF16", (8, 8))})

    assert check_checkpoint(folder) is not None


@pytest.mark.parametrize(
    "header",
    [
        b"{",
        b"{}}",
        b'{"a": 3}',
        b'{"a": {"dtype": "F32"}}',
        b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}',
        b'{"a": {"dtype": "F32", "shape": "x", "data_offsets": [0, 4]}}',
        b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0]}}',
        b"\xff" * 9,
        b"[" * 100_000,
    ],
)
def test_a_header_without_sense_is_an_error_of_one_kind(tmp_path: Path, header: bytes) -> None:
    """Whatever the bytes are."""
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))

    with pytest.raises(DamagedFileError, match=r"a\.safetensors"):
        read_header(path)


@pytest.mark.parametrize(
    ("method", "parts"),
    {
        "GPTQ": {"qweight": "I32", "qzeros": "I32", "scales": "F16", "g_idx": "I32"},
        "AWQ": {"qweight": "I32", "qzeros": "I32", "scales": "F16"},
        "compressed-tensors": {"weight_packed": "I32", "weight_scale": "BF16"},
        "fp8": {"weight": "F8_E4M3", "weight_scale_inv": "F32"},
        "bitsandbytes": {"weight": "U8", "weight.absmax": "U8", "weight.quant_state.bitsandbytes__nf4": "U8"},
    }.items(),
)
def test_quantized_weights_are_called_what_they_are(tmp_path: Path, method: str, parts: dict[str, str]) -> None:
    """Also if config.json says nothing: by what each method keeps beside or instead of a weight."""
    folder = make_checkpoint(tmp_path / "model")
    tensors = {f"model.layers.0.mlp.up_proj.{name}": (dtype, (8,)) for name, dtype in parts.items()}
    write_safetensors(folder / "model-2.safetensors", tensors)

    with pytest.raises(CheckpointError, match=rf"model-2.safetensors is quantized \({method}, by its tensor model"):
        check_checkpoint(folder)
