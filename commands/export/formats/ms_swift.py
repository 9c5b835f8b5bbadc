"""Pairs of page and Markdown as ms-swift reads them: lines of JSON beside the pictures.

    train.jsonl             {"messages": [{"role": "user", "content": "<image>..."}, ...], "images": ["images/..."]}
    images/9f/9f2c...jpg    the pictures; the paths in train.jsonl begin at the folder

ms-swift counts its tags in all messages. So a page whose Markdown has one of them is left out.
"""

from pathlib import Path

from ocrmill.commands.export.chosen_documents import ExportOptions
from ocrmill.commands.export.export_report import ExportReport
from ocrmill.commands.export.formats.exported_folder import exported_folder
from ocrmill.commands.export.formats.page_pairs import page_pairs, pair_options
from ocrmill.commands.export.records import line
from ocrmill.pipeline.output.stores.store import Store

IMAGE_TAG = "<image>"
TAGS = (IMAGE_TAG, "<video>", "<audio>", "<bbox>", "<ref-object>", "<cot-process>")
LINES = "train.jsonl"


def export_ms_swift(store: Store, destination: Path, options: ExportOptions | None = None) -> ExportReport:
    """Write the pairs.

    Raises:
        OutputError: The output cannot be read or the folder not written; the destination is unchanged.
        UsageError: The destination is a file, a URL, somebody's folder, or an export that may not be replaced.
    """
    options = pair_options(options)
    with exported_folder(store, destination, options, "ms-swift") as folder, (folder.path / LINES).open("wb") as file:
        for pair in page_pairs(folder, options):
            if any(tag in pair.text for tag in TAGS):
                folder.report.with_tags += 1
                folder.report.pages -= 1
                continue
            picture = folder.path / pair.file
            picture.parent.mkdir(parents=True, exist_ok=True)
            picture.write_bytes(pair.jpeg)
            asked = {"role": "user", "content": f"{IMAGE_TAG}{options.instruction}"}
            answer = {"role": "assistant", "content": pair.text}
            file.write(line({"messages": [asked, answer], "images": [pair.file.as_posix()]}))
    return folder.report
