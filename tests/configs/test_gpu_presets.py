"""The presets of GPUs: which GPU gets which, and that their arithmetic is right."""

import json

import pytest

from ocrmill.configs.engine_settings import DeepseekOcr2Settings, EngineSettings
from ocrmill.configs.gpu_presets import FOLDER, PRESETS, WITHOUT_GPU, GpuPreset, choose_preset, read_preset, with_preset
from ocrmill.configs.load import load_settings
from ocrmill.configs.settings import RunSettings
from ocrmill.model_adapter.checkpoint.published_config import ModelSize, published_config
from ocrmill.model_adapter.tiling import GLOBAL_SIZE, MAX_TILES, TILE_SIZE
from ocrmill.workers.pools.image_memory import SPARE, page_bytes

GIB, MIB = 2**30, 2**20
REPORTED_GIB = {  # by the driver, of the cards that the presets are named after; `small` is for 12 GiB and more
    "h200": 139.8,
    "h100": 79.2,
    "a100-80g": 79.1,
    "a100-40g": 39.4,
    "l40s": 44.4,
    "rtx4090": 23.6,
    "small": 12.0,
}
WEIGHTS_GIB = 6464.2 / 1024  # of the published checkpoint in bfloat16: 3,389,119,360 parameters
OTHER_GIB = 2.0  # CUDA graphs, the activations of a step, CUDA itself: estimated
PROMPT_TOKENS, USUAL_OUTPUT = 1131, 1000
LONGER = 1.5  # pages may on average be so much longer than the usual one before vLLM has to interrupt some
EMBEDDINGS = 1121  # of a page with six tiles


def names() -> list[str]:
    return [preset.name for preset in PRESETS]


def kv_bytes_per_token() -> int:
    """Count key and value of every head in every layer, in bfloat16, from the published config."""
    language = published_config(ModelSize.FULL)["language_config"]
    width: int = language["hidden_size"] // language["num_attention_heads"]
    layers, heads = int(language["num_hidden_layers"]), int(language["num_key_value_heads"])
    return 2 * 2 * layers * heads * width


def arithmetic(preset: GpuPreset) -> list[str]:
    """The comments that the file of a preset must have."""
    values, reported = read_preset(preset), REPORTED_GIB[preset.name]
    taken = DeepseekOcr2Settings().gpu_memory * reported
    encoder = values["encoder_mb"] / 1024
    cache = taken - WEIGHTS_GIB - encoder - OTHER_GIB
    page_tokens = PROMPT_TOKENS + USUAL_OUTPUT
    page_mib = page_tokens * kv_bytes_per_token() / MIB
    slots = values["pages_in_flight"] + values["pages_ahead"]
    image = 3 * (GLOBAL_SIZE**2 + MAX_TILES * TILE_SIZE**2)
    group = group_size(values)
    return [
        f"{taken:.1f} GiB (0.9 of {reported}) - {WEIGHTS_GIB:.1f} weights - {encoder:.1f} encoder - {OTHER_GIB:.1f} "
        f"other = {cache:.1f} GiB of KV cache",
        f"{cache * 1024 / page_mib:.0f} pages of {page_tokens:,} tokens x {kv_bytes_per_token():,} bytes = "
        f"{page_mib:.1f} MiB",
        f"{slots} pages x {image / 1e6:.2f} MB x {SPARE} = {SPARE * slots * image / MIB:,.0f} MiB",
        f"{group} x {PROMPT_TOKENS:,} + {values['pages_in_flight'] - group} = "
        f"{group * PROMPT_TOKENS + values['pages_in_flight'] - group:,}",
    ]


def group_size(values: dict[str, int]) -> int:
    """Pages that are taken up together, as model_adapter/page_groups.py has it; 1 where there are no groups."""
    return max(1, min(values["pages_in_flight"] // 16, values["prefill_tokens"] // EMBEDDINGS))


@pytest.mark.parametrize("preset", PRESETS, ids=names())
def test_the_arithmetic_of_a_preset_is_right(preset: GpuPreset) -> None:
    """Its comments are computed again, from the model's config; its pages fit into the cache, a group into a step."""
    text = (FOLDER / f"{preset.name}.toml").read_text(encoding="utf-8")
    values = read_preset(preset)
    for line in arithmetic(preset):
        assert line in text
    cache = 0.9 * REPORTED_GIB[preset.name] - WEIGHTS_GIB - values["encoder_mb"] / 1024 - OTHER_GIB
    needed = values["pages_in_flight"] * LONGER * (PROMPT_TOKENS + USUAL_OUTPUT) * kv_bytes_per_token()
    group = group_size(values)

    assert needed <= cache * GIB
    assert group * PROMPT_TOKENS + values["pages_in_flight"] - group <= values["prefill_tokens"]
    assert values["pages_ahead"] >= group
    assert values["pages_in_flight"] <= 512  # vLLM captures no graph for more
    assert page_bytes(EngineSettings(name="deepseek-ocr2")) == 3 * (GLOBAL_SIZE**2 + MAX_TILES * TILE_SIZE**2)


@pytest.mark.parametrize("preset", PRESETS, ids=names())
def test_a_preset_changes_no_row(preset: GpuPreset) -> None:
    """A preset is a settings file, and leaves the fingerprint as it is."""
    settings = load_settings([FOLDER / f"{preset.name}.toml"], [])

    assert settings.fingerprint() == RunSettings().fingerprint()
    assert settings.engine.deepseek_ocr2.pages_in_flight == read_preset(preset)["pages_in_flight"]
    assert read_preset(preset).keys() == WITHOUT_GPU.keys()


def test_every_file_has_a_preset() -> None:
    """No file lies in the folder that no GPU gets."""
    assert sorted(names()) == sorted(path.stem for path in FOLDER.glob("*.toml"))


@pytest.mark.parametrize(
    ("gpu", "gib", "name", "known"),
    [
        ("NVIDIA H200", 139.8, "h200", True),
        ("NVIDIA H100 80GB HBM3", 79.2, "h100", True),
        ("NVIDIA H100 PCIe", 79.1, "h100", True),
        ("NVIDIA H100 NVL", 93.0, "h100", True),
        ("NVIDIA A100-SXM4-80GB", 79.1, "a100-80g", True),
        ("NVIDIA A100 80GB PCIe", 79.1, "a100-80g", True),
        ("NVIDIA A100-SXM4-40GB", 39.4, "a100-40g", True),
        ("NVIDIA A100-PCIE-40GB", 39.4, "a100-40g", True),
        ("NVIDIA L40S", 44.4, "l40s", True),
        ("NVIDIA GeForce RTX 4090", 23.6, "rtx4090", True),
        ("NVIDIA GeForce RTX 4090 D", 23.6, "rtx4090", True),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", 15.7, "small", False),
        ("NVIDIA H100 80GB HBM3 MIG 3g.40gb", 39.5, "a100-40g", False),
        ("NVIDIA A100-SXM4-40GB MIG 2g.10gb", 9.6, "small", False),
        ("NVIDIA GH200 480GB", 94.5, "a100-80g", False),
        ("NVIDIA H20", 95.1, "a100-80g", False),
        ("NVIDIA B200", 178.4, "h200", False),
        ("NVIDIA RTX A6000", 47.4, "l40s", False),
        ("NVIDIA A10G", 22.1, "rtx4090", False),
    ],
)
def test_a_gpu_gets_its_preset(gpu: str, gib: float, name: str, known: bool) -> None:
    """By name and memory; unknown GPUs, slices and cards with less memory than their name says go by memory alone."""
    preset, is_known = choose_preset(gpu, int(gib * GIB))

    assert (preset.name, is_known) == (name, known)


def test_what_is_set_is_kept() -> None:
    """A preset fills only what nobody has set, 0 included; without a GPU there are values, too."""
    given = DeepseekOcr2Settings(pages_in_flight=5, pages_ahead=0)
    filled = with_preset(given, PRESETS[0])

    assert (filled.pages_in_flight, filled.pages_ahead) == (5, 0)
    assert filled.prefill_tokens == read_preset(PRESETS[0])["prefill_tokens"]
    assert WITHOUT_GPU.items() <= json.loads(with_preset(DeepseekOcr2Settings(), None).model_dump_json()).items()
