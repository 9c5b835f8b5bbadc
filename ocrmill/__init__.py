"""Turn PDFs into Markdown for corpora: one Parquet row for every page.

What `__all__` names is the public API; docs/python.md shows it in use. Everything else is private and may change in any
release. Names are loaded on their first use, so that `import ocrmill` costs nothing.

The folders below this one are links to those beside it: cli, commands, configs, pipeline, workers, model_adapter.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ocrmill.commands.eval.report import EvalReport
    from ocrmill.commands.plan import Plan
    from ocrmill.commands.reflag.reflag import ReflagReport
    from ocrmill.commands.verify_report import VerifyReport
    from ocrmill.configs.settings import RunSettings
    from ocrmill.output import Output, open_output
    from ocrmill.pages import (
        InspectedPage,
        PageImage,
        count_pages,
        flag_text,
        inspect_page,
        measure_repetition,
        parse_markdown,
        read_text_layer,
        render_page,
        route_page,
    )
    from ocrmill.pipeline.buckets.bucket import BucketError
    from ocrmill.pipeline.errors import (
        EngineError,
        FileGoneError,
        InputError,
        LeaseHeldError,
        LeaseLostError,
        MissingPackageError,
        OcrmillError,
        OutputError,
        PageError,
        SettingsError,
        SettingsMismatchError,
        StoppedEarlyError,
        TooManyFailuresError,
        UsageError,
    )
    from ocrmill.pipeline.measures import RepetitionMeasures
    from ocrmill.pipeline.records import (
        Block,
        PageFeatures,
        PageGeometry,
        PageText,
        Reason,
        Route,
        RouteDecision,
        Status,
    )
    from ocrmill.pipeline.run_report import RunReport
    from ocrmill.rows import Rows
    from ocrmill.runs import evaluate, load_settings, plan, reflag, report, retry, run, verify

    __version__: str

# Where each name is defined.
_HOMES = {
    "ocrmill.commands.eval.report": ("EvalReport",),
    "ocrmill.commands.plan": ("Plan",),
    "ocrmill.commands.reflag.reflag": ("ReflagReport",),
    "ocrmill.commands.verify_report": ("VerifyReport",),
    "ocrmill.configs.settings": ("RunSettings",),
    "ocrmill.output": ("Output", "open_output"),
    "ocrmill.pages": (
        *("InspectedPage", "PageImage", "count_pages", "flag_text", "inspect_page", "measure_repetition"),
        *("parse_markdown", "read_text_layer", "render_page", "route_page"),
    ),
    "ocrmill.pipeline.buckets.bucket": ("BucketError",),
    "ocrmill.pipeline.errors": (
        *("EngineError", "FileGoneError", "InputError", "LeaseHeldError", "LeaseLostError", "MissingPackageError"),
        *("OcrmillError", "OutputError", "PageError", "SettingsError", "SettingsMismatchError", "StoppedEarlyError"),
        *("TooManyFailuresError", "UsageError"),
    ),
    "ocrmill.pipeline.measures": ("RepetitionMeasures",),
    "ocrmill.pipeline.records": (
        *("Block", "PageFeatures", "PageGeometry", "PageText", "Reason", "Route"),
        *("RouteDecision", "Status"),
    ),
    "ocrmill.pipeline.run_report": ("RunReport",),
    "ocrmill.rows": ("Rows",),
    "ocrmill.runs": ("evaluate", "load_settings", "plan", "reflag", "report", "retry", "run", "verify"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Block",
    "BucketError",
    "EngineError",
    "EvalReport",
    "FileGoneError",
    "InputError",
    "InspectedPage",
    "LeaseHeldError",
    "LeaseLostError",
    "MissingPackageError",
    "OcrmillError",
    "Output",
    "OutputError",
    "PageError",
    "PageFeatures",
    "PageGeometry",
    "PageImage",
    "PageText",
    "Plan",
    "Reason",
    "ReflagReport",
    "RepetitionMeasures",
    "Route",
    "RouteDecision",
    "Rows",
    "RunReport",
    "RunSettings",
    "SettingsError",
    "SettingsMismatchError",
    "Status",
    "StoppedEarlyError",
    "TooManyFailuresError",
    "UsageError",
    "VerifyReport",
    "__version__",
    "count_pages",
    "evaluate",
    "flag_text",
    "inspect_page",
    "load_settings",
    "measure_repetition",
    "open_output",
    "parse_markdown",
    "plan",
    "read_text_layer",
    "reflag",
    "render_page",
    "report",
    "retry",
    "route_page",
    "run",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Load a public name on its first use (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("ocrmill")
    elif name in _HOME_OF:
        value = getattr(import_module(_HOME_OF[name]), name)
    else:
        raise AttributeError(f"module 'ocrmill' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
