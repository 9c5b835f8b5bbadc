"""Runs within Azure and within Google: the versions in listings, answers and conditions are those of one object."""

from pathlib import Path

import pytest
from azure_server import AzureServer
from gcs_server import GoogleServer
from pdfs import text_pdf

from ocrmill.commands.inspect.query import PageQuery, select_pages
from ocrmill.commands.run import Job, run
from ocrmill.commands.verify import verify
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.output.stores.open import open_output
from ocrmill.pipeline.run_report import RunReport


@pytest.mark.slow
def test_nights_over_azure(azure: AzureServer, tmp_path: Path) -> None:
    """From a container into another."""
    nights("az", azure, azure.container(), azure.container(), tmp_path)


@pytest.mark.slow
def test_nights_over_google(google: GoogleServer, tmp_path: Path) -> None:
    """From a bucket into another."""
    nights("gs", google, google.bucket(), google.bucket(), tmp_path)


def nights(scheme: str, cloud: AzureServer | GoogleServer, source: str, target: str, folder: Path) -> None:
    """Every page has its row; the next night reads what has changed and nothing else."""
    out, settings = f"{scheme}://{target}/corpus", RunSettings(storage=cloud.settings)

    def put(key: str, text: str) -> None:
        cloud.put(source, key, text_pdf(folder / "made.pdf", pages=2, text=text).read_bytes())

    def night() -> RunReport:
        return run(Job((f"{scheme}://{source}/in",), out, settings, use_ray=False))

    put("in/stays.pdf", "It stays.")
    put("in/sub folder/ändert + 100%.pdf", "It will change.")
    put("index.pdf", "Not below the prefix.")
    first = night()
    assert (dict(first.documents), dict(first.pages)) == ({"complete": 2}, {"text_layer": 4})

    put("in/sub folder/ändert + 100%.pdf", "It has changed.")
    second = night()
    assert (second.sources_known, dict(second.documents)) == (1, {"complete": 1})
    assert night().sources_known == 2

    store = open_output(out, cloud.settings)
    texts = [row.to_text() for row in select_pages(store, PageQuery())]  # without the superseded document
    assert (4, 2) == (len(texts), sum("It has changed" in text for text in texts))
    assert verify(store, repair=False).findings == ()
