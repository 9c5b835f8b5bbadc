"""The settings of further attempts: which one answers which defect, and how much they may take.

[[engine.tries.rungs]]
handles = ["low_confidence", "empty_output"]
turn = 180
"""

from typing import Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from ocrmill.configs.section import Settings, added

Defect = Literal["repetition", "truncated", "empty_output", "malformed_output"]
Trouble = Literal["engine_error", "engine_timeout", "engine_crash"]
Doubt = Literal[
    "low_confidence",
    "unsure_lines",
    "unread_ink",
    "layer_disagrees",
    "words_missing",
    "words_invented",
    "words_misread",
    "numbers_changed",
    "order_differs",
    "script_differs",
    "language_differs",
    "ragged_table",
    "broken_formula",
    "garbage",
    "dense_text",
]
_ONLY_OF_ITSELF = ("own", "layer")
_SIDES = ("turn", "halves")


class Rung(Settings):
    """A further attempt at a page: the defects that it answers, and what differs from the first one."""

    handles: tuple[Defect | Doubt | Trouble, ...] = Field(
        ("repetition", "truncated", "empty_output"),
        min_length=1,
        description="Reasons and flags of the best attempt so far after which it is made.",
    )
    own: bool = Field(False, description="The engine's own list of attempts, each by the defects that it answers.")
    prompt: str | None = Field(None, description="Another prompt of the model or the profile.")
    temperature: float | None = Field(None, ge=0, le=2, description="Another temperature.")
    ngram_size: int | None = Field(None, ge=0, description="Another n-gram rule of deepseek-ocr2.")
    ngram_window: int | None = Field(None, ge=1, description="The window of that rule.")
    turn: Literal[0, 90, 180, 270] = Field(
        0, description="Degrees clockwise; by 90 and 270 if its lines run down the page, by 180 if not."
    )
    dpi: int | None = Field(None, ge=36, le=600, description="Other pixels per inch, within raster.max_side_px.")
    max_tiles: int | None = Field(None, ge=0, le=64, description="Other tiles of deepseek-ocr2.")
    halves: bool = Field(False, description="The upper and the lower half as an image each, joined where they overlap.")
    layer: bool = Field(False, description="The page's own text, where OCR can be checked against it.")
    engine: Literal["cpu", "endpoint"] | None = Field(None, description="Another engine.")
    urls: tuple[str, ...] = Field((), description="The servers of that engine, in place of engine.endpoint.urls.")
    profile: str | None = Field(None, description="The profile of that engine, in place of engine.endpoint.profile.")

    @model_serializer(mode="wrap")
    def _without_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not set, so that a later release may add to it and leave fingerprints as they are."""
        fields = type(self).model_fields
        return {name: value for name, value in handler(self).items() if getattr(self, name) != fields[name].default}

    @model_validator(mode="after")
    def _is_one_attempt(self) -> Self:
        given = self.changed()
        if not given:
            raise ValueError("a rung says what differs: own, prompt, temperature, turn, dpi, max_tiles, halves ...")
        for name in _ONLY_OF_ITSELF:
            if name in given and len(given) > 1:
                raise ValueError(f"a rung with {name} has nothing else but handles, not {', '.join(given)}")
        if set(_SIDES) <= set(given):
            raise ValueError("a rung turns a page or reads it in halves, not both")
        if (self.urls or self.profile) and self.engine != "endpoint":
            raise ValueError("a rung with urls or profile has engine = 'endpoint'")
        if (self.ngram_size is None) != (self.ngram_window is None):
            raise ValueError("a rung has ngram_size and ngram_window, or none of them")
        if self.engine is None and set(self.handles) & {"engine_error", "engine_timeout", "engine_crash"}:
            raise ValueError("only a rung with another engine answers engine_error, engine_timeout and engine_crash")
        return self

    def changed(self) -> list[str]:
        """Return the names of what differs from a first attempt."""
        fields = type(self).model_fields
        return [name for name in fields if name != "handles" and getattr(self, name) != fields[name].default]

    @property
    def rerenders(self) -> bool:
        """Tell if it needs another image than the first attempt had."""
        return bool({*self.changed()} & {"turn", "dpi", "max_tiles", "halves", "layer", "engine"})

    def describe(self) -> str:
        """Return what differs in the image or the engine, in words for the row."""
        words = {
            "turn": f"turned by {self.turn}",
            "dpi": f"{self.dpi} dpi",
            "max_tiles": f"{self.max_tiles} tiles",
            "halves": "halves",
            "layer": "text layer",
            "engine": f"engine {self.engine}",
        }
        return ", ".join(words[name] for name in words if name in self.changed())


OWN = Rung(own=True)


class TriesSettings(Settings):
    """Further attempts at bad pages (docs/second-tries.md)."""

    rungs: tuple[Rung, ...] = Field(
        (OWN,),
        max_length=16,
        description="The attempts in their order, each made if the best one so far has a defect that it answers.",
        json_schema_extra=added([OWN.model_dump(mode="json")]),
    )
    most: int = Field(16, ge=0, le=64, description="Most further attempts at a page.", json_schema_extra=added(16))
    engine_share: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Most that they may take of the engines' time in a run; 1 is no bound.",
        json_schema_extra=added(1.0),
    )
    free_s: float = Field(
        600.0,
        ge=0,
        description="Seconds of the engines' time that they may take before that share counts.",
        json_schema_extra=added(600.0),
    )
