"""The entry point that vLLM finds, configs of its checkpoints, and what is refused before any process is started."""

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoint_forms import ChangeConfig, WithConfig
from PIL import Image

from ocrmill.model_adapter.checkpoint.versions import SECOND
from ocrmill.model_adapter.plugin import MODEL_CLASS, engine_arguments

pytestmark = pytest.mark.filterwarnings("ignore")  # vLLM's own imports warn


@pytest.fixture(scope="module", params=["published", "resaved", "native"])
def checkpoint(
    request: pytest.FixtureRequest,
    with_config: WithConfig,
    config_forms: dict[str, ChangeConfig],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The tiny checkpoint with its config in each form."""
    return with_config(tmp_path_factory.mktemp("form") / request.param, config_forms[request.param])


def test_the_installed_package_offers_the_plugin() -> None:
    """Whoever installs us has the entry point, and it leads to `register`."""
    (entry_point,) = [found for found in entry_points(group="vllm.general_plugins") if found.name == "ocrmill"]

    assert entry_point.value == "ocrmill.model_adapter.plugin:register"
    assert callable(entry_point.load())


def test_the_plugin_module_imports_no_vllm() -> None:
    """Reading the engine's arguments costs no import of vLLM or torch."""
    code = (
        "import sys, ocrmill.model_adapter.plugin; print(sorted({'torch', 'transformers', 'vllm'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"


def test_registering_twice_adds_one_lazy_name(vllm_environment: dict[str, str]) -> None:
    """A plugin may be called many times; our module is named, not imported, and vLLM's own model stays."""
    from vllm import ModelRegistry

    from ocrmill.model_adapter.plugin import register

    register()
    register()
    ours, theirs = (ModelRegistry.models[name] for name in (SECOND.architecture, "DeepseekOCR2ForCausalLM"))

    assert f"{ours.module_name}:{ours.class_name}" == MODEL_CLASS
    assert theirs.module_name.startswith("vllm.")


def test_each_form_of_config_gives_the_same_model(
    checkpoint: Path, tiny_checkpoint: Path, make_model_config: Callable[..., Any]
) -> None:
    """Published, re-saved or native to transformers: same decoder with plain attention, same encoder."""
    from ocrmill.model_adapter.checkpoint.hf_config import decoder_config, published_schema
    from ocrmill.model_adapter.vision.config import EncoderConfig

    config = make_model_config(checkpoint)
    decoder = decoder_config(config.hf_config)
    tiny = json.loads((tiny_checkpoint / "config.json").read_text())
    encoder = EncoderConfig.from_hf(published_schema(config.hf_config))

    assert config.architecture == SECOND.architecture
    assert (config.get_head_size(), config.use_mla, config.max_model_len) == (32, False, 2048)
    assert (decoder.hidden_size, decoder.num_hidden_layers, decoder.first_k_dense_replace) == (320, 3, 1)
    assert (decoder.qk_nope_head_dim, decoder.qk_rope_head_dim, decoder.v_head_dim) == (0, 0, 0)
    assert (decoder.n_routed_experts, decoder.num_experts_per_tok, decoder.norm_topk_prob) == (16, 6, False)
    assert decoder.moe_router_dtype == "float32"
    assert (decoder.rms_norm_eps, decoder.rope_parameters["rope_theta"], decoder.hidden_act) == (1e-6, 10000, "silu")
    assert encoder == EncoderConfig.from_hf(tiny)


def test_each_form_of_config_gets_the_right_tokenizer_and_chat_template(
    checkpoint: Path, make_model_config: Callable[..., Any]
) -> None:
    """Blanks and newlines survive, special tokens are one id, and a chat becomes BOS and the message, no roles."""
    from vllm.tokenizers import cached_tokenizer_from_config
    from vllm.transformers_utils.chat_templates import get_chat_template_fallback_path

    config = make_model_config(checkpoint)
    tokenizer = cached_tokenizer_from_config(config)
    text = "two  blanks,\n a newline and <td>"
    template = get_chat_template_fallback_path(config.hf_config.model_type, str(checkpoint))

    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text
    assert tokenizer.encode("<td><|ref|>", add_special_tokens=False) == [128821, 128816]
    assert template.name == "template_deepseek_ocr.jinja"


def engine_config(directory: Path, **arguments: Any) -> Any:
    from vllm.engine.arg_utils import EngineArgs

    return EngineArgs(
        str(directory), **{"max_model_len": 2048, **engine_arguments(), **arguments}
    ).create_engine_config()


def test_tensor_parallelism_must_divide_heads_and_columns(
    vllm_environment: dict[str, str], tiny_checkpoint: Path
) -> None:
    """The published model can be halved only: 5 divides its heads, but not its 6,848 and 896 columns."""
    from ocrmill.model_adapter.checkpoint.hf_config import _check_tensor_parallel

    language = json.loads((tiny_checkpoint / "config.json").read_text())["language_config"]
    published = {**language, "intermediate_size": 6848, "moe_intermediate_size": 896}
    for size in (1, 2):
        _check_tensor_parallel(published, size)
    for size in (1, 2, 5, 10):
        _check_tensor_parallel(language, size)

    with pytest.raises(ValueError, match=r"size 5 does not divide 6848 columns of the dense layer, .*sizes: 1, 2$"):
        _check_tensor_parallel(published, 5)
    with pytest.raises(ValueError, match=r"size 4 does not divide 10 attention heads; possible sizes: 1, 2$"):
        _check_tensor_parallel(published, 4)


def test_an_engine_that_cannot_be_divided_is_refused_before_it_starts(
    vllm_environment: dict[str, str], tiny_checkpoint: Path
) -> None:
    """The refusal comes while the settings are read."""
    with pytest.raises(ValueError, match="tensor_parallel_size 3 does not divide 10 attention heads"):
        engine_config(tiny_checkpoint, tensor_parallel_size=3)


def test_data_parallelism_is_refused_by_name(vllm_environment: dict[str, str], tiny_checkpoint: Path) -> None:
    """Data parallelism would divide experts over all ranks, unseen by other checks; the error says what to do."""
    with pytest.raises(ValueError, match=r"data_parallel_size is 2, .*start one server for each GPU"):
        engine_config(tiny_checkpoint, data_parallel_size=2)


def test_a_page_must_fit_into_the_context(vllm_environment: dict[str, str], tiny_checkpoint: Path) -> None:
    """More tiles than `max_model_len` can hold are refused with both numbers."""
    with pytest.raises(ValueError, match="20 tiles takes 3137 tokens, and max_model_len is 2048"):
        engine_config(tiny_checkpoint, **engine_arguments(max_tiles=20))


def test_a_server_leaves_images_as_they_come(vllm_environment: dict[str, str], tiny_checkpoint: Path) -> None:
    """A 16-bit grey scan keeps its values on its way to the processor; vLLM's own conversion would make it white."""
    from vllm.multimodal.media.image import ImageMediaIO

    media = engine_config(tiny_checkpoint).model_config.multimodal_config.media_io_kwargs
    assert media["image"] == {"image_mode": None}
    png = io.BytesIO()
    Image.fromarray(np.full((40, 60), 30_000, np.uint16)).save(png, "PNG")
    image = ImageMediaIO(**media["image"]).load_bytes(png.getvalue()).media
    chosen = engine_config(tiny_checkpoint, media_io_kwargs={"image": {"image_mode": "RGB"}}).model_config

    assert (image.mode, image.getpixel((0, 0))) == ("I;16", 30_000)
    assert chosen.multimodal_config.media_io_kwargs["image"]["image_mode"] == "RGB"


def test_lora_without_triton_is_refused(vllm_environment: dict[str, str], tiny_checkpoint: Path) -> None:
    """Without Triton, as on CPUs, the experts cannot run beside adapters; the error says so at once."""
    from vllm.triton_utils import HAS_TRITON

    if HAS_TRITON:
        pytest.skip("Triton is here")
    with pytest.raises(ValueError, match=r"LoRA .* needs Triton"):
        engine_config(tiny_checkpoint, enable_lora=True)


def test_another_model_is_refused_by_name(
    vllm_environment: dict[str, str], with_config: WithConfig, tmp_path: Path
) -> None:
    """Our architecture chosen for a checkpoint of another model: the error names what is missing."""
    llama = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_attention_heads": 2,
        "num_hidden_layers": 1,
        "vocab_size": 129280,
    }
    directory = with_config(tmp_path / "llama", lambda _: llama)
    with pytest.raises(ValueError, match=r"llama holds a model of type llama, not DeepSeek-OCR 2"):
        engine_config(directory)


def test_the_first_deepseek_ocr_is_refused_by_name(
    vllm_environment: dict[str, str], with_config: WithConfig, tmp_path: Path
) -> None:
    """Version 1 has the same model type but another encoder."""

    def version_1(config: dict[str, Any]) -> dict[str, Any]:
        sam = config["vision_config"]["width"]["sam_vit_b"]
        return {**config, "vision_config": {"width": {"clip-l-14-224": {"width": 1024}, "sam_vit_b": sam}}}

    with pytest.raises(ValueError, match="holds the first DeepSeek-OCR, not DeepSeek-OCR 2"):
        engine_config(with_config(tmp_path / "version_1", version_1))


def test_a_directory_without_a_model_is_refused(vllm_environment: dict[str, str], tmp_path: Path) -> None:
    """The words are vLLM's, and say what a model directory must hold."""
    with pytest.raises(ValueError, match=r"(?s)Invalid repository ID or local directory.*'config.json'"):
        engine_config(tmp_path)


def test_missing_tokenizer_files_are_named(
    make_processor: Callable[..., Any], tiny_checkpoint: Path, tmp_path: Path
) -> None:
    """Without the tokenizer's files there is no engine, and the error says what could not be loaded."""
    directory = tmp_path / "without_tokenizer"
    directory.mkdir()
    shutil.copy(tiny_checkpoint / "config.json", directory)

    with pytest.raises((OSError, ValueError), match="tokenizer"):
        make_processor(directory=directory)


def test_what_the_native_schema_says_of_the_encoder_is_kept(vllm_environment: dict[str, str]) -> None:
    """Another base of the rotary positions, or epsilon, reaches the encoder; without them it has the published ones."""
    from ocrmill.model_adapter.checkpoint.config_schema import _SHARED_LANGUAGE_FIELDS, _from_native
    from ocrmill.model_adapter.vision.config import EncoderConfig

    sam: dict[str, Any] = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    sam |= {"output_channels": 32, "global_attn_indexes": [1], "downsample_channels": [64, 64], "window_size": 14}
    flow = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1}
    flow |= {"intermediate_size": 128}
    text = {**dict.fromkeys(_SHARED_LANGUAGE_FIELDS, 1), "hidden_size": 64, "mlp_layer_types": ["dense"]}

    def encoder(**more: Any) -> Any:
        vision = {"sam_config": sam, "encoder_config": {**flow, **more}}
        return EncoderConfig.from_hf(_from_native({"text_config": text, "vision_config": vision})).flow

    other = encoder(rope_parameters={"rope_theta": 10_000.0}, rms_norm_eps=1e-5)
    assert (other.rope_theta, other.norm_eps) == (10_000.0, 1e-5)
    assert (encoder().rope_theta, encoder().norm_eps) == (1_000_000.0, 1e-6)
