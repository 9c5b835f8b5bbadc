"""The arguments and options that several commands take. Light: `--help` imports nothing else of ours."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from packaging.version import InvalidVersion, Version


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion as error:
        raise typer.BadParameter(f"{text} is not a version: write it like 0.2.0") from error


Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT",
        help="Files, folders (searched recursively), globs, .zip, .tar[.gz] or .warc[.gz] archives, manifests (.txt "
        "with one source a line, .parquet with a column `source`); the same in buckets (s3://bucket/folder, gs://, "
        "az://), or https:// addresses of single files.",
    ),
]
Output = Annotated[str, typer.Argument(metavar="OUT", help="The output of a run: a folder, or a URL of a bucket.")]
Out = Annotated[
    str | None,
    typer.Option("--out", "-o", metavar="OUT", help="Gets the Parquet shards: a folder, or s3://, gs:// or az://."),
]
Configs = Annotated[
    list[str] | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Settings as TOML: a file, or `cpu`, `nightly` ... Repeatable: the last one wins.",
    ),
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="A.B=V", help="One setting, e.g. raster.dpi=200. Repeatable.")
]

RouteMode = Literal["auto", "fast", "ocr"]
Engine = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="What reads page images: cpu, deepseek-ocr, deepseek-ocr2, endpoint, transformers, or an engine of "
        "another package. auto: the best there is.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="DIR_OR_NAME",
        help="Checkpoint of deepseek-ocr2, which then reads, of transformers or of deepseek-ocr: a folder or a hub "
        "name. With --url: its name there.",
    ),
]
Urls = Annotated[
    list[str] | None,
    typer.Option("--url", metavar="URL", help="A server for endpoint, as http://gpu1:8000/v1. Repeatable."),
]
ProfileName = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME_OR_FILE", help="The model behind --url: a name of `ocrmill profiles`."),
]
PromptName = Annotated[
    str | None,
    typer.Option(
        "--prompt",
        metavar="NAME_OR_FILE",
        help="What the model is asked: a name such as ocr_lines, `locate: WORDS`, a file, or a text. Mostly with "
        "--route ocr.",
    ),
]
Lora = Annotated[str | None, typer.Option(metavar="DIR", help="LoRA adapter for a DeepSeek-OCR.")]
Route = Annotated[
    RouteMode | None,
    typer.Option(
        help="auto: good text layers are taken as they are. fast: so, without a layout model. ocr: every page is read."
    ),
]
ChosenPages = Annotated[
    str | None,
    typer.Option(metavar="RANGES", help="A trial: only these pages of each document, e.g. 1-10 or 1-3,7,10-."),
]
Sample = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="A trial: only N documents, each time the same ones.")
]
Shard = Annotated[
    str | None, typer.Option(metavar="I/N", help="Only the share of machine I of N: 1/4, 2/4 ... No two overlap.")
]
ExportFormatName = Literal["markdown", "jsonl", "dolma", "huggingface", "trl", "ms-swift", "webdataset"]
ExportFormat = Annotated[
    ExportFormatName,
    typer.Option(
        "--format",
        help="markdown: one .md for each document. jsonl: one line for each. dolma, huggingface: folders of documents "
        "for these tools. trl (also for Unsloth), ms-swift, webdataset: pictures of pages with their Markdown.",
    ),
]
Where = Annotated[
    str | None,
    typer.Option(
        metavar="SQL", help="Only pages for which this is true, over the columns of pages: \"text_language = 'de'\"."
    ),
]
KeepFlagged = Annotated[
    bool | None,
    typer.Option(
        "--flagged/--no-flagged", help="Pages with a quality flag, or not. Default: with, but not in pairs of pictures."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a folder that an export wrote.")]
Compression = Annotated[Literal["gzip", "zstd"] | None, typer.Option(help="dolma: of its lines. Default: gzip.")]
ShardMb = Annotated[
    int | None,
    typer.Option(min=1, metavar="MB", help="dolma, huggingface, trl, webdataset: MiB of a file. Default: 512."),
]
Instruction = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="trl, ms-swift: what the user asks. Default: Convert the page to Markdown."),
]
ModelSizeName = Annotated[
    Literal["tiny", "encoder", "full"],
    typer.Option(
        help="tiny: 0.2 GB, runs on any CPU. encoder: 2.1 GB, the published sizes but 2 of the 12 decoder layers. "
        "full: 6.8 GB, the published sizes."
    ),
]
SeededModelName = Annotated[
    Literal["deepseek-ocr", "deepseek-ocr2"], typer.Option("--model", help="The first DeepSeek-OCR, or the second.")
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Rasterizers, and engines on a CPU. Default: one for each core.")
]
MetricsPort = Annotated[
    int | None, typer.Option(metavar="PORT", min=1, max=65535, help="Metrics for Prometheus, here while it reads.")
]
RayAddress = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Join this Ray cluster.")]
KeptFigures = Annotated[
    Literal["keep", "parse"] | None,
    typer.Option(
        "--figures",
        help="keep: pictures as JPEG. parse: DeepSeek-OCR reads each once more; charts become tables.",
    ),
]
NoRay = Annotated[bool, typer.Option("--no-ray", help="One page at a time in this process, to debug.")]
Host = Annotated[str, typer.Option(metavar="HOST", help="Listen on this address of the machine.")]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="Clients need the token in it; also from the environment's OCRMILL_SERVE_TOKEN. Beyond loopback there "
        "has to be one.",
    ),
]
TlsCertificate = Annotated[
    Path | None,
    typer.Option("--tls-certificate", metavar="FILE", help="Speak TLS, with this chain of certificates as PEM."),
]
TlsKey = Annotated[
    Path | None,
    typer.Option("--tls-key", metavar="FILE", help="Its private key as PEM. Default: in the file of the certificate."),
]
TimeBudget = Annotated[
    str | None, typer.Option(metavar="TIME", help="Stop after so long, e.g. 6h, 90m: exit code 75 if work is left.")
]
Since = Annotated[
    str | None,
    typer.Option(metavar="WHEN", help="Compare the runs since then: 7d, 36h or 2026-11-20; says what drifts."),
]
DocumentName = Annotated[
    str | None, typer.Option(metavar="D", help="Only this document: the start of its id, or a part of its source.")
]
ReasonName = Annotated[
    str | None, typer.Option(metavar="R", help="Only what failed, was repaired or stayed bad for this reason.")
]
OlderThan = Annotated[
    Version | None,
    typer.Option(metavar="VERSION", parser=_version, help="Only what an ocrmill before this version has read."),
]
Flagged = Annotated[bool, typer.Option("--flagged", help="Only pages with a quality flag.")]
Failed = Annotated[bool, typer.Option("--failed", help="Only what failed: pages, and documents without pages.")]
IncludeFailed = Annotated[
    bool, typer.Option("--include-failed", help="markdown, jsonl: list documents without any readable page, too.")
]
Figures = Annotated[
    bool, typer.Option("--figures", help="markdown: write kept pictures as files, and link them where they stand.")
]
Furniture = Annotated[
    bool, typer.Option("--furniture/--no-furniture", help="With running headers, footers and page numbers, or without.")
]
Continuous = Annotated[
    bool,
    typer.Option(
        "--continuous",
        help="Text that reads on over pages: no page marks nor furniture; paragraphs, words and tables that go on are "
        "joined.",
    ),
]
LogJson = Annotated[
    bool, typer.Option("--log-json", help="Log lines as JSON: start, progress, warnings, the end with its totals.")
]

Pager = Annotated[
    bool, typer.Option("--pager/--no-pager", help="On a terminal show in $PAGER what is longer than it, or not.")
]
TraceFile = Annotated[
    Path | None,
    typer.Option("--trace", metavar="FILE", help="Write what each page waited for, as JSON for Perfetto."),
]
OpenTelemetry = Annotated[
    bool,
    typer.Option("--open-telemetry", help="Send it as spans to the collector of OTEL_EXPORTER_OTLP_ENDPOINT."),
]
ReportFile = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE", help="At the end write OUT as one HTML file, and as JSON beside it."),
]
ReportDestination = Annotated[
    Path, typer.Option("--to", "-o", metavar="FILE", help="The HTML file; the JSON file is named like it.")
]

ForgottenSources = Annotated[
    list[str] | None,
    typer.Option("--source", metavar="S", help="A path or URL; of a folder or an archive all that is in it."),
]
ForgottenDocuments = Annotated[
    list[str] | None,
    typer.Option(
        "--document", metavar="ID", help="A document's id, or 8 and more characters of it: from all of its sources."
    ),
]
ForgottenGlobs = Annotated[
    list[str] | None, typer.Option("--glob", metavar="G", help="Sources that match, e.g. 'letters/**' or '/in/a*'.")
]
Gone = Annotated[
    bool, typer.Option("--gone", help="Sources that are not there any more. They are read if they come back.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")]
Truth = Annotated[
    Path | None,
    typer.Argument(metavar="TRUTH", help="The ground truth: a .json, a .jsonl, or a folder of .jsonl or of .md files."),
]
TruthFormName = Literal["omnidocbench", "olmocr-bench", "markdown"]
Form = Annotated[TruthFormName | None, typer.Option(help="The form of TRUTH; by default that of its name.")]
Predictions = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Write the files that the official evaluator reads, into this folder."),
]
JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the report as JSON, too.")]
KatexFile = Annotated[
    Path | None,
    typer.Option("--katex", metavar="FILE", help="Count formulas, and compare olmOCR-bench's, by this katex.min.js."),
]
CdmPython = Annotated[
    Path | None,
    typer.Option("--cdm", metavar="PYTHON", help="Compute CDM, by the Python that has the package omnidocbench."),
]
OlmocrPython = Annotated[
    Path | None,
    typer.Option("--olmocr", metavar="PYTHON", help="Draw olmOCR-bench's formulas, by the Python that has olmocr."),
]
CompressionPlot = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE", help="Plot precision by text tokens for each visual token, as SVG."),
]
TokenizerFolder = Annotated[
    Path | None,
    typer.Option("--model", metavar="DIR", help="Count text tokens with the tokenizer of this model folder."),
]
Against = Annotated[
    str | None,
    typer.Option("--against", metavar="OTHER", help="Compare with another output, word by word: a folder or URL."),
]
ViewVerdicts = Annotated[
    Path | None,
    typer.Option(
        "--verdicts", metavar="FILE", help="Keep verdicts there; default: OUT.verdicts.jsonl, beside a folder."
    ),
]
EvalVerdicts = Annotated[
    Path | None,
    typer.Option(
        "--verdicts", metavar="FILE", help="Score the flags by the verdicts given in `view`, in place of TRUTH."
    ),
]
