"""The settings of `ocrmill serve`: limits on what clients may ask for. None of them changes a row."""

from pydantic import Field

from ocrmill.configs.section import Settings, performance


class ServeSettings(Settings):
    """Limits of `ocrmill serve`."""

    max_body_mb: int = Field(
        100, ge=1, description="Largest document that is accepted, in MiB.", json_schema_extra=performance()
    )
    max_pages: int = Field(
        1000,
        ge=1,
        description="Most pages of a document that are read for one request; `pages` asks for parts of longer ones.",
        json_schema_extra=performance(),
    )
    max_documents: int = Field(
        16,
        ge=1,
        description="Documents at once, those that are just being sent counted; further ones are refused with 429.",
        json_schema_extra=performance(),
    )
    upload_s: float = Field(
        120.0,
        gt=0,
        description="Seconds in which a client has to send its document.",
        json_schema_extra=performance(),
    )
    hosts: tuple[str, ...] = Field(
        (),
        description="Names of this service that clients may use besides the machine's own, as behind a proxy.",
        json_schema_extra=performance(),
    )
