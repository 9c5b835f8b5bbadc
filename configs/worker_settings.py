"""The settings of the workers, and of what ends a run."""

from typing import Literal

from pydantic import Field

from ocrmill.configs.section import Settings, performance


class WorkerSettings(Settings):
    """Workers at once, and limits that end a run before its work does. 0 means: as the machine allows."""

    rasterizers: int = Field(0, ge=0, description="Processes that open and render.", json_schema_extra=performance())
    engines: int = Field(0, ge=0, description="Engines.", json_schema_extra=performance())
    pages_per_range: int = Field(
        8,
        ge=1,
        le=256,
        description="Pages of one document that a rasterizer takes at a time.",
        json_schema_extra=performance(),
    )
    in_flight_mb: int = Field(
        0,
        ge=0,
        description="Page images that may exist at once, in MiB; 0: a quarter more than the engines hold, at least "
        "768, as far as the memory goes.",
        json_schema_extra=performance(),
    )
    long_document_pages: int = Field(
        64,
        ge=1,
        description="Documents longer than this get at most half of the room while shorter ones wait.",
        json_schema_extra=performance(),
    )
    ray_address: str | None = Field(
        None,
        description="A running Ray cluster to join; by default Ray is started here.",
        json_schema_extra=performance(),
    )
    stop_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="The run ends when more than this share of `stop_window` fails for one reason that is not in the "
        "documents, as an engine that is down. 1: never.",
        json_schema_extra=performance(),
    )
    stop_window: int = Field(
        200,
        ge=10,
        description="Pages, or documents, that are looked at for this: the last ones; one document counts for a tenth.",
        json_schema_extra=performance(),
    )
    unresponsive_s: float = Field(
        60.0,
        ge=1,
        description="Seconds without a sign of life after which a rasterizer is replaced; it answers beside its work.",
        json_schema_extra=performance(),
    )
    drain_s: float = Field(
        20.0,
        ge=0,
        description="Seconds that pages in flight may take after SIGTERM. Kubernetes and Google's spot machines leave "
        "30 in all, AWS 120.",
        json_schema_extra=performance(),
    )
    preemption: Literal["none", "aws", "gcp", "azure"] = Field(
        "none",
        description="Whose warning to listen to before a spot machine is taken away: it ends the run as SIGTERM does.",
        json_schema_extra=performance(),
    )
    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Port at which Prometheus finds the metrics of a run while it reads.",
        json_schema_extra=performance(),
    )
    metrics_address: str = Field(
        "127.0.0.1",
        description="Address of that port; 0.0.0.0 lets other machines read counts, names of settings and reasons.",
        json_schema_extra=performance(),
    )
