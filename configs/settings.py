"""The settings of a run: frozen, no unknown keys, one description for every field.

They come from TOML and `--set` (load.py) and are handed down as arguments; nothing reads them from the environment.
A field that cannot change what is in a row is marked `performance()`: it does not count for the fingerprint. A field
that can, and is new, is marked `added()`; section.py says how, and how one is removed.
"""

import hashlib
import json
from typing import Any, Literal

from pydantic import Field, SecretStr, model_validator

from ocrmill.configs.alarm_settings import AlarmSettings
from ocrmill.configs.contradictions import contradictions
from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.section import Settings, added, moved, performance
from ocrmill.configs.serve.serve_settings import ServeSettings
from ocrmill.configs.worker_settings import WorkerSettings


class InputSettings(Settings):
    """Choice of the files to read, their passwords, and limits on their sizes."""

    include: tuple[str, ...] = Field(
        (), description="Only files whose path below the input matches one of these globs, or a folder's above it."
    )
    exclude: tuple[str, ...] = Field(
        (), description="No file whose path below the input matches one of these globs, or a folder's above it."
    )
    passwords: tuple[SecretStr, ...] = Field(
        (),
        description="Passwords to try on encrypted documents, in this order.",
        json_schema_extra=performance(),
    )
    max_member_mb: int = Field(
        2048,
        ge=1,
        description="Largest archive member that is unpacked, in MiB.",
        json_schema_extra=performance(),
    )
    max_member_ratio: int = Field(
        200,
        ge=2,
        description="Most that an archive member may grow on unpacking; a deflated PDF grows less than 20 times.",
        json_schema_extra=performance(),
    )
    max_archive_members: int = Field(
        1_000_000,
        ge=1,
        description="Most members of an archive that are listed; each takes about 1 kB of memory.",
        json_schema_extra=performance(),
    )
    max_archive_gb: int = Field(
        1024,
        ge=1,
        description="Most that the members of an archive, links counted, may take when unpacked, in GiB; only one at a "
        "time is on the disk.",
        json_schema_extra=performance(),
    )
    max_object_mb: int = Field(
        4096,
        ge=1,
        description="Largest file that is downloaded from a bucket or a web server, in MiB. A zip in a bucket is "
        "read in place, and may be larger.",
        json_schema_extra=performance(),
    )
    kept_mb: int = Field(
        1024,
        ge=0,
        description="Copies of documents from buckets, web servers and archives that a rasterizer keeps on its disk "
        "between their pages, in MiB.",
        json_schema_extra=performance(),
    )
    allow_private_addresses: bool = Field(
        False,
        description="Read http(s) inputs from private and local addresses, too: whoever names an input, or answers for "
        "one, can then reach what this machine can.",
        json_schema_extra=performance(),
    )


class RasterSettings(Settings):
    """Rendering of pages, and the limits of the process that does it."""

    dpi: int = Field(144, ge=36, le=600, description="Pixels per inch of a page image; the model was trained at 144.")
    max_side_px: int = Field(
        4096, ge=256, le=16384, description="Longest side of a page image; larger pages are rendered smaller."
    )
    page_cpu_s: float = Field(
        10.0,
        gt=0,
        le=86_400,
        description="CPU seconds a page may take in a renderer; of 20,173 real pages one needed more than 6.",
    )
    page_wall_s: float = Field(
        60.0, gt=0, description="Seconds a page may take in all; catches what hangs without using the CPU."
    )
    open_cpu_s: float = Field(
        30.0, gt=0, le=86_400, description="CPU seconds for opening a document; the slowest real one took 0.2."
    )
    memory_mb: int = Field(
        3072,
        ge=512,
        le=1 << 20,
        description="Address space of a rendering process; under 1 GiB JPEG 2000 pages silently came out blank.",
    )
    sandbox: Literal["auto", "require", "off"] = Field(
        "auto",
        description="Rendering processes without network, files and programs: as the kernel can, or the run fails.",
        json_schema_extra=performance(),
    )
    fallback: Literal["pdfium", "none"] = Field("pdfium", description="What renders a page that MuPDF cannot.")
    recycle_documents: int = Field(
        500,
        ge=1,
        description="Documents after which a rendering process is replaced.",
        json_schema_extra=performance(),
    )
    recycle_rss_mb: int = Field(
        1024,
        ge=96,
        description="Memory in MiB above which a rendering process is replaced; with the layout model it needs 250.",
        json_schema_extra=performance(),
    )


RouteMode = Literal["auto", "fast", "ocr"]


class RoutingSettings(Settings):
    """Choice between a page's text layer and OCR."""

    mode: RouteMode = Field(
        "auto",
        description="`auto` reads good text layers with a layout model, `fast` as paragraphs in reading order; `ocr` "
        "sends every page that is not blank to the engine.",
    )
    blank_ink_share: float = Field(
        0.000015,
        ge=0,
        le=1,
        description="Share of inked pixels under which a page is blank: 4 pixels of 600 x 464; an 8 pt 1 has 6.",
    )
    max_unmapped: float = Field(
        0.03,
        ge=0,
        le=1,
        description="From this share of glyphs without Unicode a layer is garbled; found 9 of 20 bad ones, 5 falsely.",
    )
    max_control: float = Field(
        0.02,
        ge=0,
        le=1,
        description="From this share of control characters a layer is garbled; found 10 of 20 bad ones, 5 falsely.",
    )
    max_private_use: float = Field(
        0.02, ge=0, le=1, description="From this share of private-use characters a layer is garbled; same measurement."
    )
    max_vowelless: float = Field(
        0.20,
        ge=0,
        le=1,
        description="From this share of vowelless longer words a layer is garbled; found 9 of 20 bad ones, 2 falsely.",
    )
    min_words: int = Field(
        20, ge=0, description="Letter-only words under which vowels are not judged: a heading may be an acronym."
    )
    min_stopwords: float = Field(
        0.02,
        ge=0,
        le=1,
        description="Under this share of stopwords a Latin page is suspect; prose in 7 languages has 0.08 or more.",
    )
    stopword_min_words: int = Field(
        80,
        ge=0,
        description="Letter-only words under which a lack of stopwords says nothing; tables and forms lack them.",
    )
    max_consonant_runs: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Makes a suspect page garbled: words with 5 consonants in a row; good pages have 0.04 or less.",
    )
    min_vowels: float = Field(
        0.28, ge=0, le=1, description="Makes a suspect page garbled: fewer vowels; Latin languages have 0.35 to 0.49."
    )
    max_vowels: float = Field(
        0.50, ge=0, le=1, description="Makes a suspect page garbled: more vowels; Latin languages have 0.35 to 0.49."
    )
    max_one_letter: float = Field(
        0.35, ge=0, le=1, description="Makes a suspect page garbled: words of one letter; good pages have 0.26 or less."
    )
    max_script_oddness: float = Field(
        0.25,
        ge=0,
        le=1,
        description="From this a script's letters fit no language; of good text in 95 languages 4 pieces in 1,000 do.",
    )
    max_invisible: float = Field(
        0.50,
        ge=0,
        le=1,
        description="From this share of invisible text a layer is somebody's OCR; of 11 such pages 3 were bad.",
    )
    max_uncovered_ink: float = Field(
        0.35,
        ge=0,
        le=1,
        description="From this share of outlines outside text a page is read by OCR; pictures of text had 0.38 to 1, "
        "photographs and plots 0.17 to 0.52.",
    )
    max_inkless_text: float = Field(
        0.30,
        ge=0,
        le=1,
        description="From this share of text where nothing is seen a layer is not what is shown; good pages have 0.01.",
    )


class QualitySettings(Settings):
    """From which measurement on a page is flagged.

    At their defaults the last four do not count for the fingerprint: rows name the `quality_version` that has them.
    """

    repetition_ratio: float = Field(
        0.2,
        gt=0,
        le=1,
        description="Share of the content that is a third or later copy; the highest of 791 honest pages has 0.17.",
    )
    repeated_chars: int = Field(
        6000,
        ge=1,
        description="Characters of content that this share must come to; 90 rows of a log stay below.",
        json_schema_extra=moved(1000),
    )
    tail_chars: int = Field(
        8000, ge=1, description="Characters of a periodic end; 80 rows of ten cells `<td>0</td>` are as long."
    )
    truncated_tail_chars: int = Field(
        200, ge=1, description="The same where the engine was cut off; the longest of 791 honest pages has 60."
    )
    compression_ratio: float = Field(
        15.0,
        gt=1,
        description="UTF-8 over zlib bytes; the highest of 791 honest pages has 5.9, sparse tables in HTML 12.",
    )
    compressible_chars: int = Field(
        8000, ge=1, description="Characters from which this ratio counts; a table of zeros has 69 at half of that."
    )
    longest_run: int = Field(
        350, ge=1, description="Equal characters in a row, FinePDFs' limit; the highest of 791 honest pages has 83."
    )
    content_ratio: float = Field(
        12.0,
        gt=1,
        description="The compression ratio of words and numbers alone, without numbers that count on; the highest of "
        "771 honest pages has 3.0.",
        json_schema_extra=added(12.0),
    )
    compressible_content_chars: int = Field(
        7000,
        ge=1,
        description="Characters of words and numbers from which that ratio counts; 90 rows of a log that differ in "
        "their seconds have 4,200 to 6,000.",
        json_schema_extra=added(7000),
    )
    counted_numbers: int = Field(
        1001,
        ge=1,
        description="Numbers that count on; a chart of 1 to 1,000 has 998, the highest of 771 pages 17.",
        json_schema_extra=added(1001),
    )
    loop_score: float = Field(
        1.0,
        gt=0,
        description="Turns of the strongest loop, as a share of those that are too many for its length and kind.",
        json_schema_extra=added(1.0),
    )


class StorageSettings(Settings):
    """Buckets. Credentials are not here: each cloud's own chain finds them (environment, profile, role)."""

    endpoint: str | None = Field(
        None,
        description="URL of an S3-compatible server (MinIO, Ceph, R2 ...); without one, AWS.",
        json_schema_extra=performance(),
    )
    region: str | None = Field(
        None,
        description="Region of S3 buckets; by default what the AWS profile or environment says.",
        json_schema_extra=performance(),
    )
    anonymous: bool = Field(
        False, description="Read public buckets without credentials.", json_schema_extra=performance()
    )
    connect_s: float = Field(
        5.0, gt=0, description="Seconds until a connection counts as failed.", json_schema_extra=performance()
    )
    timeout_s: float = Field(
        60.0, gt=0, description="Seconds a request may stay without an answer.", json_schema_extra=performance()
    )
    attempts: int = Field(
        6,
        ge=1,
        description="Tries of a request that is throttled, times out or meets a server error; waits double, with "
        "jitter, up to 20 s.",
        json_schema_extra=performance(),
    )
    outage_s: float = Field(
        120.0,
        ge=0,
        description="Seconds that a listing or a document waits for a bucket that is down, before it counts as failed.",
        json_schema_extra=performance(),
    )


class OutputSettings(Settings):
    """Shards of the output."""

    figures: bool = Field(
        False,
        description="Keep the pictures of pages as JPEG, in the column `figures`; they outweigh the text many times.",
    )
    shard_rows: int = Field(20_000, ge=1, description="Most page rows in a shard.", json_schema_extra=performance())
    shard_mb: int = Field(
        128,
        ge=1,
        description="Most text in a shard, in MiB before compression.",
        json_schema_extra=performance(),
    )
    flush_s: float = Field(
        30.0,
        gt=0,
        description="Longest time that a finished page waits in memory; what a killed run has to do again.",
        json_schema_extra=performance(),
    )
    retry_s: float = Field(
        120.0,
        ge=0,
        description="Seconds that an output may refuse to be written, as when the disk is full or the bucket is down, "
        "before the run ends. No new pages are taken meanwhile.",
        json_schema_extra=performance(),
    )


class RunSettings(Settings):
    """Everything that decides what a run does."""

    input: InputSettings = InputSettings()
    raster: RasterSettings = RasterSettings()
    routing: RoutingSettings = RoutingSettings()
    engine: EngineSettings = EngineSettings()
    quality: QualitySettings = QualitySettings()
    storage: StorageSettings = StorageSettings()
    output: OutputSettings = OutputSettings()
    workers: WorkerSettings = WorkerSettings()
    alarms: AlarmSettings = AlarmSettings()
    serve: ServeSettings = ServeSettings()

    @model_validator(mode="after")
    def _without_contradictions(self) -> "RunSettings":
        found = contradictions(self)
        if found:
            raise ValueError("; ".join(found))
        return self

    def row_settings(self) -> dict[str, Any]:
        """Return what can change a row, as plain values: `settings_fingerprint` is made of it (section.py)."""
        sections = {name: getattr(self, name).affecting_rows() for name in ("raster", "routing", "engine", "quality")}
        return {name: values for name, values in sections.items() if values}

    def fingerprint(self) -> str:
        """16 hex digits that differ where rows could differ."""
        canonical = json.dumps(self.row_settings(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]
