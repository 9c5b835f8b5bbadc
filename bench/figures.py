r"""The rows of docs/performance.md: what is measured, by which command, and where its output has the figure.

    Figure("Pages flagged", ("repetition", CORPUS), "{0} of {1}", r"^flagged .*: (\d+)", r"^(\d+) pages with text")

`{0}`, `{1}` ... are the groups of all patterns, in order. If a pattern matches several lines, its groups are those of
each line joined by ` / `.
"""

import re
from dataclasses import dataclass
from pathlib import Path

CORPUS = "corpus"  # stands for the folder of real PDFs
CHECKPOINT = "DIR"  # stands for the folder that `ocrmill model seed DIR --size encoder` wrote
_TIMES = r"([\d.]+) \(([\d.]+) to ([\d.]+)\)"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table."""

    what: str
    command: tuple[str, ...]  # a bench and its arguments
    result: str
    patterns: tuple[str, ...]

    def read(self, output: str) -> str:
        """Return the result as the table shows it.

        Raises:
            ValueError: The output has no such figure.
        """
        groups: list[str] = []
        for pattern in self.patterns:
            found = [match.groups() for match in re.finditer(pattern, output, re.MULTILINE)]
            if not found:
                raise ValueError(f"the output of bench/{self.command[0]}.py has no line like {pattern}")
            groups += [" ".join(" / ".join(values).split()) for values in zip(*found, strict=True)]
        return self.result.format(*groups)

    @property
    def shown_command(self) -> str:
        """The command as the table shows it."""
        name, *arguments = self.command
        program = f"-m bench.{name}" if (Path(__file__).parent / name).is_dir() else f"bench/{name}.py"
        return f"`{' '.join(['python', program, *arguments])}`"


def _figure(what: str, command: str, result: str, *patterns: str) -> Figure:
    return Figure(what, tuple(command.split()), result, patterns)


FIGURES = (
    _figure(
        "Rasterizing to the model's views against the official chain, same pages, same run: born-digital documents",
        "rasterize",
        "{0} times ({1} to {2})",
        r"^text  .* ([\d.]+) \(([\d.]+)-([\d.]+)\)",
    ),
    _figure(
        "the same over the whole mixed corpus",
        "rasterize corpus --pages 2",
        "{0} times ({1} to {2})",
        r"^all  .* ([\d.]+) \(([\d.]+)-([\d.]+)\)",
    ),
    _figure(
        "the same, coloured scans: the slowest",
        "rasterize corpus --pages 2",
        "{0} times",
        r"^scan, coloured  .* ([\d.]+) \([\d.]+-[\d.]+\)",
    ),
    _figure(
        "Markdown from text layers: word F1 and order, against six documents with ground truth",
        "markdown_libraries corpus",
        "{0}, {1} at {2} pages/s a core",
        r"^ours \S+ +([\d.]+) +([\d.]+) +\S+ +\S+ +([\d.]+)",
    ),
    _figure(
        "PyMuPDF's own layout mode on the same",
        "markdown_libraries corpus",
        "{0}, {1} at {2} pages/s a core",
        r"^pymupdf_layout \S+ +([\d.]+) +([\d.]+) +\S+ +\S+ +([\d.]+)",
    ),
    _figure(
        "OCR on the CPU: word F1, letter F1",
        "ocr corpus",
        "{0}, {1} at {2} CPU seconds a page",
        r"^144:115 +([\d.]+) +([\d.]+) +[\d.]+ +([\d.]+)",
    ),
    _figure(
        "Routing: pages of the corpus, and how each is read",
        "routing corpus",
        "{0} pages: {1}",
        r"^(\d+) pages: (.*)$",
    ),
    _figure(
        "Repetition: pages of the corpus flagged",
        "repetition corpus",
        "{0} of {1}",
        r"^flagged for repetition, finish_reason stop: (\d+)",
        r"^(\d+) pages with text",
    ),
    _figure(
        "Repetition, held-back half: loops found that end by themselves, hard negatives flagged",
        "repetition corpus",
        "{0}; {1}",
        r"^all loops that end by themselves +\d+ +([\d.]+%)",
        r"^all hard negatives +\d+ +([\d.]+%)",
    ),
    _figure(
        "Coordinator, 1 / 2 / 4 engines: CPU of its thread a page (of its process, with Ray's threads)",
        "coordinator",
        "{0} ms ({1} ms)",
        r"coordinator ([\d.]+) ms CPU a page \(([\d.]+) with",
    ),
    _figure(
        "of what simulated engines could do, 64 pages in flight, 1 / 2 / 4 engines",
        "coordinator",
        "{0}; {1} pages/s",
        r"efficiency ([\d.]+) .*?, (\d+) pages/s",
    ),
    _figure(
        "four engines at half that speed",
        "coordinator --engines 4 --scale 2",
        "{0}",
        r"^4 engines: efficiency ([\d.]+) ",
    ),
    _figure(
        "Own memory, files and children of every process over a long simulated run and a real one, limit 10 %",
        "soak",
        "{1}; driver {0} MiB",
        r"^driver +(\d+ to +\d+) MiB",
        r"^\d+ samples: (.*)$",
    ),
    _figure(
        "A night over 1,000,000 known sources, 1,000 of them changed, and 1,000 new: until it is known what to read",
        "ledger",
        "{0} s ({1} to {2}), {3} MiB",
        rf"^night.*\n +wall {_TIMES} s.*\n +highest RSS ([\d,.]+)",
    ),
    _figure(
        "Resuming with 1,000,000 finished pages in 1 / 100 / 10,000 shards (`compact` makes many shards few)",
        "ledger",
        "{0} s",
        r"^resume.*\n +wall ([\d.]+) ",
    ),
    _figure(
        "`ocrmill reflag` over 1,000,000 pages with their texts: every shard rewritten",
        "reflag",
        "{0} s, {1} s of CPU",
        r"^judged: [\d,]+ pages in ([\d.]+) s, [\d,]+ pages/s, ([\d.]+) s of CPU",
    ),
    _figure(
        "the same, where no row changes",
        "reflag",
        "{0} s, {1} s of CPU",
        r"^unchanged: [\d,]+ pages in ([\d.]+) s, [\d,]+ pages/s, ([\d.]+) s of CPU",
    ),
    _figure(
        "`ocrmill reflag --remeasure` over 5,000 pages: their texts are measured again",
        "reflag",
        "{0} pages/s, {1} s of CPU",
        r"^remeasured: [\d,]+ pages in [\d.]+ s, ([\d,]+) pages/s, ([\d.]+) s of CPU",
    ),
    _figure(
        "Listing 200,000 keys of a bucket; memory from the first to the last",
        "listing 20000 200000",
        "{0} s of CPU; {1} to {2} MB",
        r"^ *(?:200000|2000) keys .*\(([\d.]+) s CPU\).* peak RSS (\d+) MB at the first, (\d+) MB",
    ),
    _figure(
        "Commits and leases as shares of the wall time: of simulated pages at 200 a second / of a real run",
        "commits --minutes 1",
        "commits {0}, leases {1}",
        r"flushes: wall [\d.]+ s, ([\d.]+%)",
        r"beats and checks: wall [\d.]+ s, ([\d.]+%)",
    ),
    _figure(
        "The sandbox, with over without: a start; a page",
        "sandbox",
        "{0} ({1} to {2}); {3} ({4} to {5})",
        rf"^start: with over without {_TIMES}",
        rf"^page: with over without {_TIMES}",
    ),
    _figure(
        "A rendering process until its first page, loading everything itself over forked: wall; CPU",
        "renderer_start",
        "{0} ({1} to {2}); {3} ({4} to {5})",
        rf"^wall: alone over fork {_TIMES}",
        rf"^CPU: alone over fork {_TIMES}",
    ),
    _figure(
        "Vision encoder against vLLM's own, float32, a page with six tiles",
        "encoder --pages 1 --repeats 3 --dtype float32",
        "{0} times ({1} to {2})",
        rf"^in-tree / ours, wall: {_TIMES}",
    ),
    _figure(
        "what it reaches of plain products, in TFLOP/s",
        "encoder --pages 1 --repeats 3 --dtype float32",
        "{0} of {1}",
        r"^ours .* ([\d.]+) TFLOP/s of ([\d.]+) in plain products",
    ),
    _figure(
        "CPUs only: what both encoders do beside products, in bfloat16, eight such pages; on a GPU vLLM's own does "
        "other work",
        "encoder --beside-products",
        "{0} times less ({1} to {2})",
        rf"^in-tree / ours, wall: {_TIMES}",
    ),
    _figure(
        "memory of the encoder's activations, float32, eight pages with six tiles; vLLM's own goes page by page and "
        "takes this for one",
        "encoder --peak-memory --dtype float32",
        "{0}; {1}",
        r"^ours: ([\d,]+ MiB)",
        r"^in-tree: ([\d,]+ MiB)",
    ),
    _figure(
        "memory traffic of the encoder for a page with six tiles, counted: attention by torch's operations / by the "
        "kernel; operation by operation, and compiled",
        "encoder_traffic",
        "{0}; {1}",
        r"^\w+: eager ([\d.]+ GB), compiled ([\d.]+ GB)",
    ),
    _figure(
        "n-gram rule against vLLM's own, 256 pages, 20 / 50: nobody loops, one in 16, all",
        "ngram_ban",
        "{0} times",
        r"^ *20/50 +256 .*? ([\d.]+ \([\d.]+ to [\d.]+\)) +\d+ +[\d.]+$",
    ),
    _figure(
        "vLLM end to end against its own model, full encoder, cut-down decoder, float32, eight pages of 64 tokens, one "
        "repeat; equal tokens",
        "vllm_pages DIR --dtype float32 --pages 8 --tokens 64 --repeats 1",
        "{0} times; {1}",
        r"^  ratio +([\d.]+)",
        r"^  equal tokens: ([\d.]+%)",
    ),
    _figure(
        "bytes of a page to vLLM's engine process, ours against its own model's",
        "vllm_pages DIR --dtype float32 --pages 8 --tokens 64 --repeats 1",
        "{0}: {1}",
        r"^  (\S.*?) +[\d.]+ MB +([\d.]+ MB)$",
    ),
    _figure(
        "pages in a call of the vision encoder, vLLM's own scheduler and ours, 64 / 256 pages in flight; the model is "
        "simulated",
        "page_groups",
        "{0}; {1}, with {2} in flight on average",
        r"^ +\d+  vLLM's own scheduler +([\d.]+)",
        r"^ +\d+  ours +([\d.]+) +([\d.]+)",
    ),
    _figure("`ocrmill --help`", "startup", "{0} s", r"^--help: ([\d.]+) s"),
    _figure("`ocrmill run` with 10,000 documents done", "startup", "{0} s", r"^run, .*: ([\d.]+) s"),
    _figure(
        "Documents a second of `ocrmill run` over one-page files, one worker",
        "small_files",
        "{0} ({1} to {2})",
        rf"^here: {_TIMES} documents/s",
    ),
    _figure(
        "`ocrmill serve` with eight clients beside `ocrmill run`, one-page files, one worker: documents a second; "
        "seconds for a document of a single client",
        "serve --documents 200 --repeats 2",
        "{0} ({1} to {2}) times; {3} s",
        rf"^serve / run: {_TIMES} times",
        r"^one client: ([\d.]+) s",
    ),
    _figure(
        "Odd letters: share of the longest pieces found odd: as they are; shifted, shuffled, backwards",
        "letter_frequencies",
        "{0}; {1}, {2}, {3}",
        r"^mean of .* ([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)$",
    ),
)
