"""Both DeepSeek-OCR as a vLLM model: our encoders in front of vLLM's DeepSeek-V2 decoder."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors import SafetensorError
from torch import nn
from vllm.config import VllmConfig
from vllm.model_executor.models.interfaces import MultiModalEmbeddings, SupportsLoRA, SupportsMultiModal, SupportsPP
from vllm.model_executor.models.module_mapping import MultiModelKeys
from vllm.model_executor.models.utils import WeightsMapper, init_vllm_registered_model, maybe_prefix
from vllm.multimodal import MULTIMODAL_REGISTRY
from vllm.sequence import IntermediateTensors

from ocrmill.model_adapter.checkpoint.hf_config import configured_layout, decoder_config, published_schema, version_in
from ocrmill.model_adapter.checkpoint.versions import FIRST
from ocrmill.model_adapter.checkpoint.weight_names import (
    DECODER_PREFIX,
    check_names,
    needed_shapes,
    split_experts,
    to_ours,
)
from ocrmill.model_adapter.encoder_graphs import EncoderGraphs
from ocrmill.model_adapter.lora.fold import fold_encoder_half
from ocrmill.model_adapter.processor import LargestPage, PageProcessingInfo, PageProcessor
from ocrmill.model_adapter.prompts import IMAGE_TOKEN
from ocrmill.model_adapter.vision.attention_choice import choose_attention
from ocrmill.model_adapter.vision.compilation import CompileChoice, choose_compilation
from ocrmill.model_adapter.vision.config import ClipEncoderConfig, EncoderConfig
from ocrmill.model_adapter.vision.encoder import MEMORY_MB, DeepEncoder, DeepEncoderV1, DeepEncoderV2

ENCODER_MEMORY_SETTING = "encoder_memory_mb"  # in vLLM's additional_config, as the next
ENCODER_ATTENTION_SETTING = "encoder_attention"
ENCODER_COMPILE_SETTING = "encoder_compile"
ENCODER_ADAPTER_SETTING = "encoder_adapter"

NamedTensors = Iterable[tuple[str, torch.Tensor]]


@MULTIMODAL_REGISTRY.register_processor(PageProcessor, info=PageProcessingInfo, dummy_inputs=LargestPage)
class DeepseekOcrForCausalLM(nn.Module, EncoderGraphs, SupportsMultiModal, SupportsPP, SupportsLoRA):  # type: ignore[misc]
    """Views in, text out. The architecture in the config says which of the two it is.

    With tensor parallelism the decoder is divided and each rank has the whole encoder.
    """

    # For LoRA adapters, whose module names are those of their checkpoint.
    hf_to_vllm_mapper = WeightsMapper(
        orig_to_new_prefix={
            "model.language_model.": "language_model.model.",
            "model.embed_tokens.": "language_model.model.embed_tokens.",
            "model.layers.": "language_model.model.layers.",
            "model.norm.": "language_model.model.norm.",
            "lm_head.": "language_model.lm_head.",
        }
    )
    packed_modules_mapping: ClassVar = {
        "qkv_proj": ["q_proj", "k_proj", "v_proj"],
        "gate_up_proj": ["gate_proj", "up_proj"],
    }

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        super().__init__()
        hf_config = vllm_config.model_config.hf_config
        self.config = hf_config
        self.published_schema = published_schema(hf_config)
        with self._mark_tower_model(vllm_config, "image"):  # type: ignore[operator]
            self.encoder = _make_encoder(self.published_schema, vllm_config)
        self._compile_choice = _compile_choice(vllm_config)
        self._encoder_adapter: str | None = vllm_config.additional_config.get(ENCODER_ADAPTER_SETTING)
        with self._mark_language_model(vllm_config):  # type: ignore[operator]
            self.language_model = init_vllm_registered_model(
                vllm_config=vllm_config,
                hf_config=decoder_config(hf_config),
                architectures=["DeepseekV2ForCausalLM"],
                prefix=maybe_prefix(prefix, "language_model"),
            )
        self.make_empty_intermediate_tensors = self.language_model.make_empty_intermediate_tensors

    @classmethod
    def get_placeholder_str(cls, modality: str, i: int) -> str | None:  # noqa: ARG003
        """Return the placeholder of an image in a chat message."""
        return IMAGE_TOKEN if modality == "image" else None

    def get_mm_mapping(self) -> MultiModelKeys:
        """Return the names of the language and the vision modules, for LoRA."""
        return MultiModelKeys.from_string_field(language_model="language_model", tower_model="encoder")

    def embed_multimodal(self, **kwargs: torch.Tensor) -> MultiModalEmbeddings:
        """Encode all pages of a step at once: per page, (visual tokens, width) embeddings."""
        if "global_view_nhwc" not in kwargs:
            return []
        numbers = (kwargs[name].tolist() for name in ("num_tiles", "columns"))  # on the CPU, so that nobody waits
        return self.encoder(kwargs["global_view_nhwc"], kwargs["tiles_nhwc"], *numbers)

    def forward(
        self,
        input_ids: torch.Tensor | None,
        positions: torch.Tensor,
        intermediate_tensors: IntermediateTensors | None = None,
        inputs_embeds: torch.Tensor | None = None,
        **kwargs: object,  # noqa: ARG002
    ) -> torch.Tensor | IntermediateTensors:
        """Run the decoder over embeddings (of text and pages), or over the output of the previous pipeline stage."""
        if intermediate_tensors is not None:
            inputs_embeds = None
        return self.language_model(input_ids, positions, intermediate_tensors, inputs_embeds=inputs_embeds)

    def compute_logits(self, hidden_states: torch.Tensor) -> torch.Tensor | None:
        """Logits of the vocabulary."""
        logits: torch.Tensor | None = self.language_model.compute_logits(hidden_states)
        return logits

    def load_weights(self, weights: NamedTensors) -> set[str]:
        """Fill encoder and decoder from a checkpoint in either published layout, and fold the encoder's adapter in.

        Raises:
            ValueError: a tensor is missing, unexpected, damaged, or has another shape than in `config.json`, or the
                adapter is another model's.
        """
        shapes = needed_shapes(self.published_schema)
        loaded: set[str] = set()
        for_encoder: dict[str, torch.Tensor] = {}

        def for_decoder() -> Iterator[tuple[str, torch.Tensor]]:
            for name, tensor in _with_our_names(weights):
                loaded.add(name)
                if name not in shapes:
                    continue  # `check_names` reports it, with all others
                if tuple(tensor.shape) != shapes[name]:
                    raise ValueError(f"{name} is {tuple(tensor.shape)}, but {shapes[name]} by config.json")
                if name.startswith(DECODER_PREFIX):
                    yield name.removeprefix(DECODER_PREFIX), tensor
                else:
                    for_encoder[name] = tensor

        self.language_model.load_weights(for_decoder())
        check_names(loaded, shapes)
        folder = self._encoder_adapter
        self.encoder.load_weights(
            for_encoder.items() if folder is None else fold_encoder_half(Path(folder), for_encoder)
        )
        choose_compilation(self.encoder, self._compile_choice)
        return {name for name, _ in self.named_parameters()}


def _with_our_names(weights: NamedTensors) -> Iterator[tuple[str, torch.Tensor]]:
    try:
        for checkpoint_name, tensor in weights:
            name = to_ours(checkpoint_name)
            if name is not None:
                yield from split_experts(name, tensor)
    except SafetensorError as error:
        raise ValueError(
            f"a weights file is damaged or was not copied to its end ({error}): fetch the checkpoint again"
        ) from error


def _make_encoder(schema: Mapping[str, Any], vllm_config: VllmConfig) -> DeepEncoder:
    settings, model = vllm_config.additional_config, vllm_config.model_config
    version = version_in(model.hf_config)
    layout = configured_layout(model.multimodal_config.mm_processor_kwargs or {}, version)
    memory_mb = settings.get(ENCODER_MEMORY_SETTING, MEMORY_MB)
    encoder: DeepEncoder
    if version is FIRST:
        encoder = DeepEncoderV1(ClipEncoderConfig.from_hf(schema), layout=layout, memory_mb=memory_mb)
    else:
        encoder = DeepEncoderV2(EncoderConfig.from_hf(schema), layout=layout, memory_mb=memory_mb)
    choose_attention(encoder.sam, settings.get(ENCODER_ATTENTION_SETTING, "auto"), layout.sides)
    return encoder


def _compile_choice(vllm_config: VllmConfig) -> CompileChoice:
    choice: CompileChoice = vllm_config.additional_config.get(ENCODER_COMPILE_SETTING, "auto")
    return "off" if choice == "auto" and vllm_config.model_config.enforce_eager else choice
