"""The sizes of the encoders, read from a checkpoint's config.json in either published layout.

DeepSeek's own layout names little more than what differs from the published model, so every absent size is the
published one:

    {"vision_config": {"width": {"sam_vit_b": {"width": 768, "layers": 12, "heads": 12, ...},
                                 "qwen2-0-5b": {"dim": 896}}},
     "projector_config": {"input_dim": 896, "n_embed": 1280}}

The first DeepSeek-OCR has `"clip-l-14-224": {"width": 1024, "layers": 24, "heads": 16, ...}` in place of `qwen2-0-5b`.

The transformers layout, of the second model only, names them all:

    {"vision_config": {"sam_config": {"hidden_size": 768, ...}, "encoder_config": {"hidden_size": 896, ...}},
     "text_config": {"hidden_size": 1280}}
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ocrmill.model_adapter.tiling import GLOBAL_SIZE, PATCH_SIZE

MLP_RATIO = 4  # of SAM and CLIP; the `mlp_ratio` in the config is used by nobody
CLIP_GRID = 16  # positions a side of CLIP's table: an image of 224 px in patches of 14


@dataclass(frozen=True, slots=True)
class SamConfig:
    """Sizes of the SAM trunk. The MLPs are four times as wide as the trunk."""

    width: int = 768
    layers: int = 12
    heads: int = 12
    global_attn_indexes: tuple[int, ...] = (2, 5, 8, 11)  # the other layers attend within windows
    window_size: int = 14  # patches a side
    neck_channels: int = 256
    downsample_channels: int = 512  # after the first strided convolution; the second gives the next encoder's width

    def __post_init__(self) -> None:
        _require_positive(self)
        _require_divides("sam heads", self.heads, "sam width", self.width)
        if wrong := [index for index in self.global_attn_indexes if not 0 <= index < self.layers]:
            raise ValueError(f"global_attn_indexes {wrong} are not among {self.layers} sam layers")
        if self.window_size > GLOBAL_SIZE // PATCH_SIZE:
            raise ValueError(f"window_size {self.window_size} is more than the patches of a view")


@dataclass(frozen=True, slots=True)
class FlowConfig:
    """Sizes of the flow encoder, which is built like Qwen2."""

    width: int = 896
    layers: int = 24
    heads: int = 14
    kv_heads: int = 2
    intermediate_size: int = 4864
    rope_theta: float = 1_000_000.0
    norm_eps: float = 1e-6

    def __post_init__(self) -> None:
        _require_positive(self)
        _require_divides("flow heads", self.heads, "flow width", self.width)
        _require_divides("flow kv_heads", self.kv_heads, "flow heads", self.heads)
        if self.head_width % 2:
            raise ValueError(f"a flow head of width {self.head_width} cannot be rotated by halves")

    @property
    def head_width(self) -> int:
        """Width of one head."""
        return self.width // self.heads


@dataclass(frozen=True, slots=True)
class ClipConfig:
    """Sizes of CLIP-L."""

    width: int = 1024
    layers: int = 24
    heads: int = 16

    def __post_init__(self) -> None:
        _require_positive(self)
        _require_divides("clip heads", self.heads, "clip width", self.width)


@dataclass(frozen=True, slots=True)
class ClipEncoderConfig:
    """Sizes of the first model's encoder; the defaults are those of the published one."""

    sam: SamConfig = field(default_factory=SamConfig)
    clip: ClipConfig = field(default_factory=ClipConfig)
    embedding_width: int = 1280  # of the language model

    @classmethod
    def from_hf(cls, config: Mapping[str, Any]) -> "ClipEncoderConfig":
        """Read the sizes from the content of a config.json.

        Raises:
            ValueError: sizes are missing, contradict each other, or do not divide as they must.
        """
        try:
            widths, projector = config["vision_config"]["width"], config.get("projector_config") or {}
            sam, clip = widths["sam_vit_b"], widths["clip-l-14-224"]
            defaults = cls()
            encoder = cls(
                _deepseek_sam(sam),
                ClipConfig(
                    width=clip.get("width", defaults.clip.width),
                    layers=clip.get("layers", defaults.clip.layers),
                    heads=clip.get("heads", defaults.clip.heads),
                ),
                projector.get("n_embed", defaults.embedding_width),
            )
            pairs = {
                "projector_config.input_dim": (projector.get("input_dim"), 2 * encoder.clip.width),
                "the last of downsample_channels": (sam.get("downsample_channels", [None])[-1], encoder.clip.width),
            }
        except (AttributeError, TypeError, LookupError) as error:
            raise ValueError(f"config.json describes no encoder of the first DeepSeek-OCR: {error!r}") from error
        for name, (given, needed) in pairs.items():
            if given not in {None, needed}:
                raise ValueError(f"{name} is {given}, and {needed} by the clip width {encoder.clip.width}")
        return encoder


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """Sizes of the second model's encoder; the defaults are those of the published one."""

    sam: SamConfig = field(default_factory=SamConfig)
    flow: FlowConfig = field(default_factory=FlowConfig)
    embedding_width: int = 1280  # of the language model

    def __post_init__(self) -> None:
        if self.embedding_width < 1:
            raise ValueError(f"embedding_width must be positive, not {self.embedding_width}")

    @classmethod
    def from_hf(cls, config: Mapping[str, Any]) -> "EncoderConfig":
        """Read the sizes from the content of a config.json, in DeepSeek's layout or in that of transformers.

        Raises:
            ValueError: sizes are missing, contradict each other, or do not divide as they must.
        """
        try:
            vision = config.get("vision_config") or {}
            if "sam_config" in vision:
                return _from_transformers(vision, config.get("text_config") or {})
            if "sam_vit_b" in vision.get("width", {}):
                return _from_deepseek(vision["width"], config.get("projector_config") or {})
        except (AttributeError, TypeError, LookupError) as error:
            raise ValueError(f"config.json has a value of another type than its schema says: {error}") from error
        raise ValueError(
            "config.json describes no DeepSeek-OCR 2 encoder: vision_config has neither width.sam_vit_b nor sam_config"
        )


def _from_deepseek(width: Mapping[str, Any], projector: Mapping[str, Any]) -> EncoderConfig:
    sam, flow = width["sam_vit_b"], width.get("qwen2-0-5b")
    if flow is None:
        raise ValueError("vision_config.width has no qwen2-0-5b: this is not the second DeepSeek-OCR")
    defaults = EncoderConfig()
    encoder = EncoderConfig(
        _deepseek_sam(sam),
        FlowConfig(
            width=flow.get("dim", defaults.flow.width),
            layers=flow.get("layers", defaults.flow.layers),
            heads=flow.get("heads", defaults.flow.heads),
            kv_heads=flow.get("kv_heads", defaults.flow.kv_heads),
            intermediate_size=flow.get("intermediate_size", defaults.flow.intermediate_size),
            rope_theta=flow.get("rope_theta", defaults.flow.rope_theta),
            norm_eps=flow.get("rms_norm_eps", defaults.flow.norm_eps),
        ),
        projector.get("n_embed", defaults.embedding_width),
    )
    if projector.get("input_dim", encoder.flow.width) != encoder.flow.width:
        raise ValueError(
            f"projector_config.input_dim {projector['input_dim']} is not the flow width {encoder.flow.width}"
        )
    return encoder


def _deepseek_sam(sam: Mapping[str, Any]) -> SamConfig:
    defaults = SamConfig()
    return SamConfig(
        width=sam.get("width", defaults.width),
        layers=sam.get("layers", defaults.layers),
        heads=sam.get("heads", defaults.heads),
        global_attn_indexes=tuple(sam.get("global_attn_indexes", defaults.global_attn_indexes)),
        window_size=sam.get("window_size", defaults.window_size),
        neck_channels=sam.get("neck_channels", defaults.neck_channels),
        # The last entry is not read here: in the second model's published file it is wrong, 1024 for 896.
        downsample_channels=sam.get("downsample_channels", [defaults.downsample_channels])[0],
    )


def _from_transformers(vision: Mapping[str, Any], text: Mapping[str, Any]) -> EncoderConfig:
    sam, flow = vision["sam_config"], vision.get("encoder_config") or {}
    defaults = EncoderConfig()
    try:
        return EncoderConfig(
            SamConfig(
                width=sam.get("hidden_size", defaults.sam.width),
                layers=sam.get("num_hidden_layers", defaults.sam.layers),
                heads=sam.get("num_attention_heads", defaults.sam.heads),
                global_attn_indexes=tuple(sam.get("global_attn_indexes", defaults.sam.global_attn_indexes)),
                window_size=sam.get("window_size", defaults.sam.window_size),
                neck_channels=sam.get("output_channels", defaults.sam.neck_channels),
                downsample_channels=(sam.get("downsample_channels") or [defaults.sam.downsample_channels])[0],
            ),
            FlowConfig(
                width=flow["hidden_size"],
                layers=flow["num_hidden_layers"],
                heads=flow["num_attention_heads"],
                kv_heads=flow["num_key_value_heads"],
                intermediate_size=flow["intermediate_size"],
                rope_theta=(flow.get("rope_parameters") or {}).get("rope_theta", defaults.flow.rope_theta),
                norm_eps=flow.get("rms_norm_eps", defaults.flow.norm_eps),
            ),
            text["hidden_size"],
        )
    except KeyError as missing:
        raise ValueError(f"config.json lacks {missing} of vision_config.encoder_config or text_config") from missing


def _require_positive(sizes: SamConfig | FlowConfig | ClipConfig) -> None:
    for name in type(sizes).__dataclass_fields__:
        value = getattr(sizes, name)
        if not isinstance(value, tuple) and value <= 0:
            raise ValueError(f"{name} must be positive, not {value}")


def _require_divides(part: str, parts: int, whole: str, size: int) -> None:
    if size % parts:
        raise ValueError(f"{part} {parts} do not divide {whole} {size}")
