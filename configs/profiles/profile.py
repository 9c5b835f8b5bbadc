"""The form of a profile: what is sent to a model, and how its answer is read.

    prompt = "Convert this page to Markdown."     # a profile of one's own needs no more than this
    [image]
    longest_side = 1540
    [sampling]
    max_tokens = 8000
    [output]
    form = "markdown"

All of it counts for the settings fingerprint but what is marked `performance()`: words for people, facts of servers.
"""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from ocrmill.configs.section import Settings, performance

Format = Literal["png", "jpeg", "webp"]
Order = Literal["image_text", "text_image", "image_only"]
Form = Literal["markdown", "front_matter", "html", "ref_det", "json_layout", "doctags"]
Cleaning = Literal["fence", "escaped_dollars", "latex_delimiters"]
Defect = Literal["repetition", "truncated", "empty_output", "malformed_output"]
DEFECTS: tuple[Defect, ...] = ("repetition", "truncated", "empty_output", "malformed_output")


class ImageFormat(Settings):
    """Size and encoding of a page image."""

    longest_side: int | None = Field(None, ge=256, le=16384, description="Pixels of the longer side of a page.")
    dpi: int | None = Field(None, ge=36, le=600, description="Pixels per inch, if there is no longest_side.")
    min_pixels: int = Field(0, ge=0, description="A smaller page is enlarged to so many pixels.")
    max_pixels: int | None = Field(None, ge=65_536, description="A larger page is reduced to so many pixels.")
    factor: int = Field(1, ge=1, le=64, description="Both sides become multiples of this, as the model's own resize.")
    max_ratio: float = Field(
        50.0, ge=2, description="A page whose sides differ by more is padded with white: it may end a server."
    )
    format: Format = Field("png", description="Encoding of the image; a page without colour goes as grey.")
    quality: int = Field(95, ge=50, le=100, description="Of JPEG and WebP.")

    @model_validator(mode="after")
    def _has_a_size(self) -> Self:
        if self.longest_side is None and self.dpi is None:
            raise ValueError("say how large a page is sent: longest_side in pixels, or dpi")
        return self

    @property
    def render_dpi(self) -> int:
        """Pixels per inch at which a page is rendered, if that does not exceed `longest_side`."""
        return self.dpi if self.longest_side is None and self.dpi is not None else 600


class Sampling(Settings):
    """Decoding. What is null is not sent, but the temperature always is: else the server's own file decides."""

    temperature: float = Field(0.0, ge=0, le=2, description="0 takes the likeliest token.")
    max_tokens: int = Field(8192, ge=1, description="Most tokens of an answer; a server may have room for fewer.")
    top_p: float | None = Field(None, gt=0, le=1, description="Share of the likeliest tokens to draw from.")
    top_k: int | None = Field(None, ge=-1, description="The likeliest tokens to draw from.")
    min_p: float | None = Field(None, ge=0, le=1, description="Least share of the likeliest token's probability.")
    presence_penalty: float | None = Field(None, ge=-2, le=2, description="Against tokens that came before.")
    frequency_penalty: float | None = Field(None, ge=-2, le=2, description="Against tokens that came often.")
    repetition_penalty: float | None = Field(None, gt=0, le=2, description="The same, as a factor.")
    seed: int | None = Field(None, description="Of the draws.")
    stop: tuple[str, ...] | None = Field(None, description="Texts that end an answer.")


class Output(Settings):
    """Form of an answer."""

    form: Form = Field("markdown", description="The reader of the answer (workers/engines/endpoint/forms).")
    grid: int = Field(0, ge=0, description="Boxes run from 0 to this over the page; 0: they are in pixels, as sent.")
    clean: tuple[Cleaning, ...] = Field((), description="What is tidied: an outer code fence, `\\$`, `\\(` and `\\[`.")
    drop_labels: tuple[str, ...] = Field((), description="Regions whose text is left out of the Markdown.")
    blank: str | None = Field(None, description="The answer that stands for a page without text.")
    rotates: bool = Field(False, description="A page whose front matter says that it lies on its side is sent turned.")


class Retry(Settings):
    """A further attempt at a page that came out badly."""

    handles: tuple[Defect, ...] = Field(DEFECTS, description="Defects after which it is made.")
    temperature: float | None = Field(None, ge=0, le=2, description="Instead of the usual one.")
    prompt: str | None = Field(None, description="The name of one of `prompts`.")


class Profile(Settings):
    """All that differs between two page readers behind a server."""

    source: str = Field("", description="The name or the file that it was read from.", json_schema_extra=performance())
    title: str = Field("", description="The model's name, for people.", json_schema_extra=performance())
    hub: str | None = Field(None, description="The model's name on the Hugging Face hub.")
    licence: str = Field("not known", description="Of the model's weights.", json_schema_extra=performance())
    note: str | None = Field(None, description="Said once at the start of a run.", json_schema_extra=performance())
    writes: str = Field("", description="What comes out, for people.", json_schema_extra=performance())
    order: Order = Field("image_text", description="Order of the parts of a message.")
    system: str | None = Field(None, description="A message before; an empty one is sent, too.")
    prompt: str = Field("", description="The text, byte for byte.")
    prompts: dict[str, str] = Field({}, description="Other texts by name, for further attempts.")
    image: ImageFormat
    sampling: Sampling = Sampling()
    extra: dict[Literal["vllm", "sglang"], dict[str, Any]] = Field(
        {}, description="Fields of the request that only this server knows."
    )
    output: Output = Output()
    retry: tuple[Retry, ...] = Field((), max_length=8, description="Further attempts at a bad page, in this order.")
    vllm: str = Field(
        "", description="Versions of vLLM that serve it, as in `>=0.11,!=0.27.1`.", json_schema_extra=performance()
    )
    serve: str = Field("", description="How to start a server, for people.", json_schema_extra=performance())
    sources: dict[str, str] = Field(
        {}, description="Where each fact was read, by its field.", json_schema_extra=performance()
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if (self.order == "image_only") == bool(self.prompt):
            raise ValueError("a profile has a prompt, or order = 'image_only', which sends the image alone")
        for retry in self.retry:
            if retry.prompt is not None and retry.prompt not in self.prompts:
                raise ValueError(f"retry names the prompt {retry.prompt!r}, which is not in prompts")
            if retry.prompt is None and retry.temperature is None:
                raise ValueError("a retry changes the temperature or the prompt")
        return self

    @property
    def name(self) -> str:
        """The name under which rows know it: of a file, without folder and ending."""
        return self.source.rpartition("/")[2].removesuffix(".toml")
