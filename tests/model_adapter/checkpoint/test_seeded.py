"""Seeded checkpoints: the published layout, and weights that are a function of names and shapes."""

import json
import math
import os
import struct
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from ocrmill.model_adapter.checkpoint.published_config import ModelSize, published_config
from ocrmill.model_adapter.checkpoint.published_weights import published_shapes
from ocrmill.model_adapter.checkpoint.seeded import (
    WEIGHTS_FILE,
    OccupiedError,
    SeededCheckpoint,
    SeedError,
    require_room,
    safetensors_header,
    seed_checkpoint,
    seeded_tensor,
    write_seeded_weights,
)

# What the hub repository holds, but for the Python files and generation_config.json, which it has not.
PUBLISHED_FILES = {
    "config.json",
    "model.safetensors.index.json",
    WEIGHTS_FILE,
    "processor_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
}

# Parameters by part, as counted in the published checkpoint.
PUBLISHED_PARAMETERS = {
    "model.sam_model": 85_645_056 + 3_145_728 + 92_672 + 787_456 + 5_308_416,
    "model.qwen2_model": 357_898_112 + 358_400,
    "model.projector": 1_148_160,
    "model.view_seperator": 1_280,
    "model.embed_tokens": 165_478_400,
    "model.layers": 78_643_200 + 26_296_320 + 901_120 + 30_720 + 2_422_210_560 + 75_694_080,
    "model.norm": 1_280,
    "lm_head": 165_478_400,
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> SeededCheckpoint:
    return seed_checkpoint(tmp_path_factory.mktemp("seeded") / "tiny", ModelSize.TINY)


def read_tensor(path: Path, name: str) -> np.ndarray:
    """A bfloat16 tensor of a safetensors file as float32, read by the format's definition."""
    data = path.read_bytes()
    (header_bytes,) = struct.unpack("<Q", data[:8])
    entry = json.loads(data[8 : 8 + header_bytes])[name]
    start, end = (8 + header_bytes + offset for offset in entry["data_offsets"])
    bits = np.frombuffer(data[start:end], dtype="<u2").astype(np.uint32) << 16
    return bits.view(np.float32).reshape(entry["shape"])


def test_the_published_sizes_give_the_published_names() -> None:
    """2,707 names and 3,389,119,360 parameters, part by part."""
    shapes = published_shapes(published_config(ModelSize.FULL))
    parameters: Counter[str] = Counter()
    for name, shape in shapes.items():
        part = name if name == "model.view_seperator" else ".".join(name.split(".")[: 2 - name.startswith("lm_head")])
        parameters[part] += math.prod(shape)

    assert len(shapes) == 2707
    assert sum(parameters.values()) == 3_389_119_360
    assert parameters == PUBLISHED_PARAMETERS


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("model.sam_model.pos_embed", (1, 64, 64, 768)),
        ("model.sam_model.blocks.1.attn.rel_pos_h", (27, 64)),
        ("model.sam_model.blocks.11.attn.rel_pos_w", (127, 64)),
        ("model.sam_model.neck.2.weight", (256, 256, 3, 3)),
        ("model.sam_model.net_3.weight", (896, 512, 3, 3)),
        ("model.qwen2_model.query_768.weight", (144, 896)),
        ("model.qwen2_model.query_1024.weight", (256, 896)),
        ("model.qwen2_model.model.model.layers.23.self_attn.v_proj.bias", (128,)),
        ("model.qwen2_model.model.model.layers.0.mlp.down_proj.weight", (896, 4864)),
        ("model.projector.layers.weight", (1280, 896)),
        ("model.layers.0.mlp.down_proj.weight", (1280, 6848)),
        ("model.layers.11.mlp.gate.weight", (64, 1280)),
        ("model.layers.1.mlp.experts.63.gate_proj.weight", (896, 1280)),
        ("model.layers.1.mlp.shared_experts.down_proj.weight", (1280, 1792)),
        ("lm_head.weight", (129280, 1280)),
    ],
)
def test_the_published_sizes_give_the_published_shapes(name: str, shape: tuple[int, ...]) -> None:
    """One tensor of each kind has the shape listed for the published checkpoint."""
    assert published_shapes(published_config(ModelSize.FULL))[name] == shape


def test_the_header_of_the_full_file_is_as_long_as_the_published_one() -> None:
    """The header's length, 335,152 bytes, follows from the known sizes of published files of the same writer."""
    header = safetensors_header(published_shapes(published_config(ModelSize.FULL)))

    assert len(header) == 8 + 335_152


def test_the_encoder_size_is_the_published_model_with_two_decoder_layers() -> None:
    """Its tensors are those of the full size with the same names, so its weights are, too."""
    full = published_shapes(published_config(ModelSize.FULL))
    encoder = published_shapes(published_config(ModelSize.ENCODER))

    left_out = {name for name in full if name.startswith("model.layers.") and int(name.split(".")[2]) >= 2}
    assert encoder == {name: shape for name, shape in full.items() if name not in left_out}
    assert any(".experts." in name for name in encoder)


def test_the_sizes_are_in_the_docs() -> None:
    """Whoever looks for a size finds how many parameters it has."""
    text = (Path(__file__).parents[3] / "docs" / "model.md").read_text()

    for size in ModelSize:
        parameters = sum(map(math.prod, published_shapes(published_config(size)).values()))
        assert f"| `{size}` | {parameters:,} |" in text


@pytest.mark.parametrize(
    ("name", "shape", "spread", "centre"),
    [
        ("model.layers.0.self_attn.q_proj.weight", (512, 256), 1 / 16, 0),
        ("model.sam_model.neck.2.weight", (64, 32, 3, 3), 1 / math.sqrt(288), 0),
        ("model.sam_model.neck.1.weight", (50_000,), 0.1, 1),
        ("model.layers.0.input_layernorm.weight", (50_000,), 0.1, 1),
        ("model.norm.weight", (50_000,), 0.1, 1),
        ("model.sam_model.blocks.0.norm1.bias", (50_000,), 0.1, 0),
        ("model.view_seperator", (50_000,), 0.1, 0),
        ("model.embed_tokens.weight", (500, 100), 0.2, 0),
        ("model.qwen2_model.query_768.weight", (144, 896), 0.2, 0),
        ("model.sam_model.blocks.0.attn.rel_pos_h", (127, 500), 0.2, 0),
    ],
)
def test_each_kind_of_tensor_has_its_own_scale(name: str, shape: tuple[int, ...], spread: float, centre: float) -> None:
    """Projections keep the variance of what they get, norms are near one, the rest is small."""
    values = seeded_tensor(name, shape)

    assert values.dtype == np.float32
    assert values.shape == shape
    assert values.std() == pytest.approx(spread, rel=0.02)
    assert values.mean() == pytest.approx(centre, abs=spread / 30)


@pytest.mark.parametrize(
    ("name", "shape", "first"),
    [
        ("sam_model.blocks.0.attn.qkv.weight", (2304, 768), [0.0242453, -0.0343696, 0.0390948]),
        ("qwen2_model.query_768.weight", (144, 896), [0.1311749, -0.2266738, 0.0053391]),
        ("layers.1.mlp.gate.weight", (64, 1280), [0.0096716, 0.011254, 0.0280616]),
    ],
)
def test_weights_are_those_the_goldens_were_made_with(name: str, shape: tuple[int, ...], first: list[float]) -> None:
    """The recorded first values of three tensors: another stream of random numbers would be noticed."""
    np.testing.assert_allclose(seeded_tensor(name, shape).flat[:3], first, atol=1e-7)


def test_a_weight_is_numpys_normal_seeded_by_the_name() -> None:
    """The values do not depend on the blocks they are made in, nor on the `model.` in front of the name."""
    name, shape = "layers.0.mlp.up_proj.weight", (700, 641)
    seed = int.from_bytes(sha256(name.encode()).digest()[:8], "little")
    normals = np.random.Generator(np.random.PCG64(seed)).standard_normal(shape, dtype=np.float32)

    np.testing.assert_array_equal(seeded_tensor("model." + name, shape), normals / np.float32(math.sqrt(641)))
    np.testing.assert_array_equal(seeded_tensor(name, shape), seeded_tensor("model." + name, shape))


def test_the_published_files_are_there(tiny: SeededCheckpoint) -> None:
    """A seeded folder holds what the published one holds, but no Python, and it says how much it wrote."""
    assert {path.name for path in tiny.directory.iterdir()} == PUBLISHED_FILES
    assert tiny.num_bytes == sum(path.stat().st_size for path in tiny.directory.iterdir())
    assert f"{tiny.num_parameters:,} parameters" in tiny.to_text()


def test_the_index_names_every_tensor(tiny: SeededCheckpoint) -> None:
    """The index points each name at the one file, and counts two bytes for each parameter."""
    index = json.loads((tiny.directory / "model.safetensors.index.json").read_text())
    config = json.loads((tiny.directory / "config.json").read_text())

    assert index["weight_map"] == dict.fromkeys(published_shapes(config), WEIGHTS_FILE)
    assert index["metadata"]["total_size"] == 2 * tiny.num_parameters


def test_the_config_has_the_published_schema(tiny: SeededCheckpoint) -> None:
    """Language fields stand in `language_config` and at the top; no remote code is named."""
    config = json.loads((tiny.directory / "config.json").read_text())
    language = {name: value for name, value in config["language_config"].items() if name != "architectures"}

    assert config["model_type"] == "deepseek_vl_v2"
    assert config["architectures"] == ["DeepseekOCR2ForCausalLM"]
    assert config["language_config"]["architectures"] == ["DeepseekV2ForCausalLM"]
    assert language.items() <= config.items()
    assert config["projector_config"]["input_dim"] == config["vision_config"]["width"]["qwen2-0-5b"]["dim"]
    assert config["projector_config"]["n_embed"] == language["hidden_size"]
    assert "auto_map" not in json.dumps(config)


def test_the_tiny_model_takes_the_code_paths_of_the_full_one() -> None:
    """The tiny model has window and global blocks, a dense layer and layers of experts, and may be split in 2 or 5."""
    config = published_config(ModelSize.TINY)
    language, sam = config["language_config"], config["vision_config"]["width"]["sam_vit_b"]

    assert 0 < len(sam["global_attn_indexes"]) < sam["layers"]
    assert 0 < language["first_k_dense_replace"] < language["num_hidden_layers"]
    for key in ("num_attention_heads", "intermediate_size", "moe_intermediate_size", "vocab_size"):
        assert language[key] % 10 == 0, key
    assert language["num_experts_per_tok"] < language["n_routed_experts"]


@pytest.mark.parametrize("name", ["model.sam_model.blocks.0.attn.qkv.weight", "model.norm.weight"])
def test_weights_are_stored_as_the_nearest_bfloat16(tiny: SeededCheckpoint, name: str) -> None:
    """A weight read back is the seeded one to half a unit in the last of bfloat16's 8 bits (float32 has 24)."""
    stored = read_tensor(tiny.directory / WEIGHTS_FILE, name)
    seeded = seeded_tensor(name, stored.shape)

    assert np.all(np.abs(stored - seeded) <= np.spacing(np.abs(seeded)) * 2**15)


def test_other_programs_read_the_weights(tiny: SeededCheckpoint) -> None:
    """The safetensors library finds every tensor, and PyTorch rounds to the same bfloat16 values."""
    torch = pytest.importorskip("torch")
    safe_open = pytest.importorskip("safetensors").safe_open
    shapes = published_shapes(published_config(ModelSize.TINY))

    with safe_open(tiny.directory / WEIGHTS_FILE, "pt") as file:
        assert set(file.keys()) == set(shapes)
        for name, shape in shapes.items():
            assert torch.equal(file.get_tensor(name), torch.from_numpy(seeded_tensor(name, shape)).bfloat16()), name


def test_the_same_size_gives_the_same_bytes(tiny: SeededCheckpoint, tmp_path: Path) -> None:
    """Neither threads nor time leave a trace in any file."""
    again = seed_checkpoint(tmp_path / "again", ModelSize.TINY)

    for path in tiny.directory.iterdir():
        assert (again.directory / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_tensor_may_be_larger_than_a_block(tmp_path: Path) -> None:
    """A tensor that is written piece by piece is whole, and its neighbours stay as they are."""
    shapes = {"a.weight": (3, 5), "b.weight": (1023, 1025), "c.weight": (7,)}
    write_seeded_weights(tmp_path / "weights", shapes)

    for name, shape in shapes.items():
        stored = read_tensor(tmp_path / "weights", name)
        np.testing.assert_allclose(stored, seeded_tensor(name, shape), rtol=2**-8)


@pytest.mark.parametrize("taken", ["file", "folder"])
def test_what_is_there_is_not_overwritten(tmp_path: Path, taken: str) -> None:
    """A folder with anything in it, or a file of that name, is refused and left alone."""
    target = tmp_path / "model"
    kept = target if taken == "file" else target / "notes.txt"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("mine")

    with pytest.raises(OccupiedError, match="name a"):
        seed_checkpoint(target, ModelSize.TINY)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [kept]
    assert kept.read_text() == "mine"


def test_a_broken_off_folder_is_seeded_again(tiny: SeededCheckpoint, tmp_path: Path) -> None:
    """Files that a killed run leaves are no checkpoint by their names, and are replaced."""
    target = tmp_path / "model"
    target.mkdir()
    (target / f"{WEIGHTS_FILE}.partial").write_bytes(bytes(tiny.num_bytes + 1000))

    seed_checkpoint(target, ModelSize.TINY)
    assert {path.name: path.stat().st_size for path in target.iterdir()} == {
        path.name: path.stat().st_size for path in tiny.directory.iterdir()
    }


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")  # noqa: PTH110
def test_a_disk_that_fills_up_is_named(tmp_path: Path) -> None:
    """If writing fails for want of room, the error says so, and nothing that looks like a checkpoint is left."""
    target = tmp_path / "model"
    target.mkdir()
    (target / f"{WEIGHTS_FILE}.partial").symlink_to("/dev/full")

    with pytest.raises(SeedError, match="the disk is full"):
        seed_checkpoint(target, ModelSize.TINY)
    assert not list(target.iterdir())


def test_room_is_asked_for_first(tmp_path: Path) -> None:
    """A checkpoint that cannot fit is refused before anything is written, with both sizes."""
    with pytest.raises(SeedError, match=r"takes 1152921504.6 GB and [\d.]+ GB are free"):
        require_room(tmp_path / "not" / "yet" / "there", 1 << 60)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """If the system refuses the folder, its reason is in the error."""
    (tmp_path / "file").touch()

    with pytest.raises(SeedError, match=r"file/model: no checkpoint could be written: .*Not a directory"):
        seed_checkpoint(tmp_path / "file" / "model", ModelSize.TINY)
