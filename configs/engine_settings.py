"""The settings of the engines."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, SecretStr

from ocrmill.configs.profiles.find import load_profile
from ocrmill.configs.profiles.profile import Format, ImageFormat, Profile
from ocrmill.configs.profiles.prompt import OtherPrompt, Prompt
from ocrmill.configs.section import Settings, added, performance
from ocrmill.configs.tries.rung import TriesSettings


class CpuEngineSettings(Settings):
    """RapidOCR, the embedded engine."""

    threads: int = Field(
        1,
        ge=1,
        le=64,
        description="Threads of an engine; more engines of one thread each read more pages than one of several.",
        json_schema_extra=performance(),
    )
    detector_dpi: int = Field(
        115,
        ge=36,
        le=600,
        description="Pixels per inch at which lines are searched; 144 gives word F1 0.954, not 0.951, for 150 MB more.",
    )
    detector_max_side_px: int = Field(
        2560,
        ge=320,
        le=8192,
        description="Longest side at which lines are searched; 2560 takes 1.2 GiB, and memory grows with its square.",
    )
    min_confidence: float = Field(
        0.5, ge=0, le=1, description="Lines that the recognizer is less sure of are dropped; RapidOCR's own limit."
    )


class DeepseekSettings(Settings):
    """The settings of every engine that runs a DeepSeek-OCR."""

    engine: ClassVar[str]

    model: str = Field(
        "deepseek-ai/DeepSeek-OCR-2", description="A folder with the checkpoint, or its name on the Hugging Face hub."
    )
    revision: str | None = Field(None, description="Commit of the hub's repository; without one, its newest.")
    lora: str | None = Field(None, description="A folder with a LoRA adapter in PEFT's layout.")
    prompt: Prompt = Field(
        "markdown",
        description="What the model is asked for: markdown, free_ocr, ocr_lines, figure, describe, `locate: WORDS`, "
        "the content of a file, or a text.",
    )
    max_tiles: int = Field(
        6, ge=0, le=64, description="Tiles a page may be cut into: 6 in training; more for newspapers, 0 for none."
    )
    max_output_tokens: int = Field(
        8192, ge=1, description="Most tokens a page may give; the model's context leaves about 7,060."
    )
    ngram_size: int = Field(
        20, ge=0, description="N-grams of so many tokens are not repeated, as in the authors' PDF script. 0: they may."
    )
    ngram_window: int = Field(50, ge=1, description="Tokens back in which such an n-gram may start.")
    stop_loops: bool = Field(True, description="Stop a page that loops while it is being written, and flag it.")
    repairs: int = Field(
        3,
        ge=0,
        le=3,
        description="Further attempts at a page that loops, is cut off or empty: other n-gram rule, prompt, sampling.",
    )
    parse_figures: bool = Field(
        False,
        description="Read each kept picture (`output.figures`) once more with the model's figure prompt: charts as "
        "tables, molecules as SMILES.",
        json_schema_extra=added(False),
    )
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        "auto", description="Of weights and activations; `auto` takes the checkpoint's, bfloat16."
    )
    max_model_len: int = Field(8192, ge=512, description="Tokens of prompt and output together; 8192 in training.")

    @property
    def section(self) -> str:
        """The name of this section, for messages."""
        return f"engine.{self.engine.replace('-', '_')}"

    @property
    def views(self) -> tuple[str, int]:
        """The layout of the views that the model is given, as model_adapter/tiling.py names it, and the most tiles."""
        return "ocr2", self.max_tiles


class DeepseekOcr2Settings(DeepseekSettings):
    """The `deepseek-ocr2` engine: DeepSeek-OCR 2 in vLLM."""

    engine: ClassVar[str] = "deepseek-ocr2"

    tensor_parallel: int = Field(
        1, ge=1, description="GPUs of one engine: 1 or 2, which divide the model.", json_schema_extra=performance()
    )
    gpu_memory: float = Field(
        0.9, gt=0, lt=1, description="Share of the GPU's memory that vLLM takes.", json_schema_extra=performance()
    )
    cpu_cache_gb: int = Field(
        2, ge=1, description="GiB of KV cache in vLLM's CPU build; a page needs 0.13.", json_schema_extra=performance()
    )
    pages_in_flight: int | None = Field(
        None,
        ge=1,
        description="Pages that are decoded together; unless set, as configs/gpu/ has it, like the next three.",
        json_schema_extra=performance(),
    )
    pages_ahead: int | None = Field(
        None,
        ge=0,
        description="Pages that wait inside the engine, so that it never runs dry.",
        json_schema_extra=performance(),
    )
    prefill_tokens: int | None = Field(
        None,
        ge=512,
        description="Tokens that vLLM prefills in one step; pages have 1,131, those of a step are encoded together.",
        json_schema_extra=performance(),
    )
    encoder_mb: int | None = Field(
        None,
        ge=256,
        description="MiB that the encoder's activations may take on a GPU; on a CPU it takes one view at a time.",
        json_schema_extra=performance(),
    )
    kv_cache: Literal["auto", "fp8"] = Field(
        "auto",
        description="Numbers of the KV cache. `fp8` has half the bytes, for up to twice the pages where memory "
        "ends; keys and values keep 3 bits of mantissa, not 7, which may change words: compare on your own pages.",
        json_schema_extra=added("auto"),
    )
    model_runner: Literal["v1", "v2"] = Field(
        "v1",
        description="Of vLLM's two on GPUs. `v2` bans n-grams on the GPU, and has not run yet.",
        json_schema_extra=performance(),
    )
    moe_tables: str | None = Field(
        None,
        description="A folder with tables of Triton's tile sizes for the experts, tuned on this GPU by vLLM's "
        "benchmark_moe.py; vLLM brings none for this model but for the H20.",
        json_schema_extra=performance(),
    )
    encoder_attention: Literal["auto", "triton", "torch"] = Field(
        "auto",
        description="Attention of the encoder on a GPU: our kernel, torch's operations, or the kernel if it is right.",
        json_schema_extra=performance(),
    )
    encoder_compile: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Fuse what the encoder does between products, by torch.compile: on GPUs, if the result agrees.",
        json_schema_extra=performance(),
    )
    encoder_graphs: bool = Field(
        False,
        description="Launch the encoder's kernels as CUDA graphs; has not run yet.",
        json_schema_extra=performance(),
    )


Mode = Literal["tiny", "small", "base", "large", "gundam", "gundam-master"]


class DeepseekOcrSettings(DeepseekOcr2Settings):
    """The `deepseek-ocr` engine: the first DeepSeek-OCR in vLLM. Beside `mode` the settings are those of the second."""

    engine: ClassVar[str] = "deepseek-ocr"
    is_added: ClassVar[bool] = True

    model: str = Field(
        "deepseek-ai/DeepSeek-OCR", description="A folder with the checkpoint, or its name on the Hugging Face hub."
    )
    mode: Mode = Field(
        "gundam",
        description="Sizes of the views: 64, 100, 256 and 400 tokens a page, or, with n tiles, 100 n + 256 and "
        "256 n + 400, ends of rows not counted.",
    )

    @property
    def views(self) -> tuple[str, int]:
        """The layout of the views that the model is given, as model_adapter/tiling.py names it, and the most tiles."""
        return self.mode, self.max_tiles


class TransformersSettings(DeepseekSettings):
    """The `transformers` engine: DeepSeek-OCR 2 by transformers' own classes, on CPUs, Apple's GPUs and NVIDIA's."""

    engine: ClassVar[str] = "transformers"
    is_added: ClassVar[bool] = True

    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto",
        description="What computes; `auto` takes a GPU if torch can use one. Another one may round differently.",
        json_schema_extra=performance(),
    )
    batch_pages: int = Field(
        4,
        ge=1,
        le=256,
        description="Pages that are decoded together; each takes 0.13 GiB, and a batch as long as its longest page.",
        json_schema_extra=performance(),
    )


def _loaded(profile: Any) -> Any:
    return load_profile(profile) if isinstance(profile, str) else profile


class EndpointSettings(Settings):
    """The `endpoint` engine: a model behind a server with OpenAI's interface."""

    urls: tuple[str, ...] = Field(
        (),
        description="Base URLs of servers of one model, as http://gpu1:8000/v1; pages go where there is room.",
        json_schema_extra=performance(),
    )
    profile: Annotated[Profile | None, BeforeValidator(_loaded)] = Field(
        None,
        description="What the model is sent and how its answer is read: a name of `ocrmill profiles`, or a file. Its "
        "content is part of the settings.",
        json_schema_extra=added(None),
    )
    model: str | None = Field(
        None,
        description="Name under which the servers know the model; unless set, the only one they have or the profile's.",
        json_schema_extra=added(None),
    )
    api_key: SecretStr | None = Field(
        None,
        description="Key of the servers, never written down; unless set, the environment's OCRMILL_API_KEY.",
        json_schema_extra=performance(),
    )
    ca_file: str | None = Field(
        None,
        description="A PEM file with the authority that signed the servers' certificates.",
        json_schema_extra=performance(),
    )
    server: Literal["auto", "vllm", "sglang", "openai"] = Field(
        "auto",
        description="Whose fields a request may have beside OpenAI's; `auto` asks the server, in doubt vLLM's.",
        json_schema_extra=added("auto"),
    )
    image_format: Literal["profile", "png", "jpeg", "webp"] = Field(
        "profile",
        description="Encoding of page images. JPEG costs a tenth of PNG's time, and is not what most models were "
        "trained on.",
        json_schema_extra=added("profile"),
    )
    prompt: OtherPrompt = Field(
        None,
        description="In place of the profile's prompt: one of its others, the content of a file, or a text.",
        json_schema_extra=added(None),
    )
    max_output_tokens: int | None = Field(
        None, ge=1, description="Most tokens of a page, in place of the profile's.", json_schema_extra=added(None)
    )
    repairs: int = Field(
        8,
        ge=0,
        le=8,
        description="Most further attempts at a bad page, of those in the profile.",
        json_schema_extra=added(8),
    )
    stop_loops: bool = Field(
        True,
        description="Stop a page that loops while it is being written, and flag it.",
        json_schema_extra=added(True),
    )
    max_in_flight: int = Field(
        256,
        ge=1,
        le=900,
        description="Most pages that all servers have at a time. Each server gets fewer as long as it answers slower "
        "for more.",
        json_schema_extra=performance(),
    )
    connect_s: float = Field(
        10.0, gt=0, description="Seconds until a connection counts as failed.", json_schema_extra=performance()
    )
    page_deadline_s: float = Field(
        1800.0,
        gt=0,
        description="Seconds in which a page may be asked for again and again, those without any server left out.",
        json_schema_extra=performance(),
    )
    outage_s: float = Field(
        600.0,
        ge=0,
        description="Seconds that no server makes progress with any page before the run ends; what is read is kept.",
        json_schema_extra=performance(),
    )
    check_page: bool = Field(
        True,
        description="Send a page of known text first, and refuse a server that does not read it.",
        json_schema_extra=performance(),
    )

    @property
    def asked_profile(self) -> Profile | None:
        """The profile with the prompt that pages are asked with."""
        if self.profile is None or self.prompt is None:
            return self.profile
        return self.profile.model_copy(update={"prompt": self.profile.prompts.get(self.prompt, self.prompt)})

    @property
    def prompt_name(self) -> str | None:
        """The profile, and a prompt that is not its own, as rows name them."""
        if self.profile is None:
            return None
        return self.profile.name if self.prompt is None else self.name_of_prompt(self.prompt)

    def name_of_prompt(self, prompt: str) -> str:
        """Return the name that rows have for another prompt than the profile's."""
        return prompt if self.profile is None else f"{self.profile.name}: {prompt}"


class EngineSettings(Settings):
    """Settings of the engine that reads page images."""

    name: str = Field(
        "auto",
        description="`auto` takes the best engine that this machine can run. One of: auto, cpu, deepseek-ocr, "
        "deepseek-ocr2, endpoint, transformers.",
    )
    page_timeout_s: float = Field(
        300.0,
        gt=0,
        description="Seconds after which an engine that makes progress with none of its pages counts as hung; RapidOCR "
        "takes 2 to 10 for a page, on one core.",
    )
    start_timeout_s: float = Field(
        900.0,
        gt=0,
        description="Seconds an engine may take to start; vLLM loads, compiles and captures for minutes.",
        json_schema_extra=performance(),
    )
    max_attempts: int = Field(2, ge=1, le=10, description="Tries for a page whose engine dies or hangs.")
    options: tuple[str, ...] = Field(
        (),
        description="Settings of an engine without a section of its own, each as `name=value`.",
        json_schema_extra=added([]),
    )
    cpu: CpuEngineSettings = CpuEngineSettings()
    deepseek_ocr2: DeepseekOcr2Settings = DeepseekOcr2Settings()
    deepseek_ocr: DeepseekOcrSettings = DeepseekOcrSettings()
    endpoint: EndpointSettings = EndpointSettings()
    transformers: TransformersSettings = TransformersSettings()
    tries: TriesSettings = TriesSettings()

    @property
    def deepseek(self) -> DeepseekSettings | None:
        """The settings of the DeepSeek-OCR that reads; None if another engine does."""
        models: tuple[DeepseekSettings, ...] = (self.deepseek_ocr2, self.deepseek_ocr, self.transformers)
        return next((model for model in models if model.engine == self.name), None)

    @property
    def views(self) -> tuple[str, int] | None:
        """Layout and most tiles of the views that the engine is given; None if it is given the page image itself."""
        return None if self.deepseek is None else self.deepseek.views

    @property
    def most_tiles(self) -> int:
        """Most tiles of any attempt at a page, which a DeepSeek-OCR is started for."""
        own = (self.deepseek or self.deepseek_ocr2).max_tiles
        return max(own, *(rung.max_tiles or 0 for rung in self.tries.rungs), 0)

    @property
    def prompt(self) -> str | None:
        """The prompt in the settings of the engine that reads; None if there is none, or the profile's."""
        if self.name == "endpoint":
            return self.endpoint.prompt
        return None if self.deepseek is None else self.deepseek.prompt

    def name_of_prompt(self, prompt: str | None) -> str | None:
        """Return the name that rows have for a prompt of a page's own."""
        return prompt if prompt is None or self.name != "endpoint" else self.endpoint.name_of_prompt(prompt)

    @property
    def image_format(self) -> ImageFormat | None:
        """Form in which the engine is given pages; None if it is given pixels."""
        if self.name != "endpoint" or self.endpoint.profile is None:
            return None
        image = self.endpoint.profile.image
        chosen: Format | Literal["profile"] = self.endpoint.image_format
        return image if chosen == "profile" else image.model_copy(update={"format": chosen})
