"""A checkpoint with a name on the Hugging Face hub: in the cache of this machine, or to be downloaded."""

import json
import os
import re
import shutil
import threading
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Any

from ocrmill.model_adapter.checkpoint.check import CheckpointError

HUB_ANSWER_S = 2.0
DOWNLOAD_GB = 8  # the checkpoint has 6.8
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


def is_hub_name(model: str) -> bool:
    """Tell if this has the form of a name on the hub."""
    return _HUB_NAME.fullmatch(model) is not None


def cached_folder(model: str, revision: str | None) -> Path | None:
    """Return the folder in the hub's cache that holds the checkpoint's config, if there is one."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    found = try_to_load_from_cache(model, "config.json", revision=revision) if is_hub_name(model) else None
    return Path(found).parent if isinstance(found, str) else None


def fetch_config(model: str, revision: str | None) -> Any:
    """Fetch config.json from the hub, to check that the model can be downloaded and is the right one.

    Raises:
        CheckpointError: the network, space on the disk, or the model is missing.
    """
    from huggingface_hub.constants import ENDPOINT, HF_HUB_OFFLINE

    if HF_HUB_OFFLINE:
        raise CheckpointError(
            f"{model} is not in the hub's cache and HF_HUB_OFFLINE is set: name a folder with --model"
        )
    _check_room(model)
    answers: list[Any] = []
    address = f"{ENDPOINT}/{model}/resolve/{revision or 'main'}/config.json"
    # In a thread: a name lookup has no timeout.
    request = threading.Thread(target=lambda: answers.append(_get_json(address)), daemon=True)
    request.start()
    request.join(HUB_ANSWER_S + 0.5)
    answer = answers[0] if answers else f"no answer in {HUB_ANSWER_S:g} s"
    if isinstance(answer, str):
        raise CheckpointError(
            f"{model} is not on this machine and {ENDPOINT} cannot be reached ({answer}): name a folder with --model, "
            "or check the network"
        )
    status, content = answer
    if status in _REFUSED:
        raise CheckpointError(
            f"{ENDPOINT} has no {model}{f' at revision {revision}' if revision else ''}, or refuses you access (HTTP "
            f"{status}): check --model, or log in with `hf auth login`"
        )
    if status != HTTPStatus.OK:
        raise CheckpointError(f"{ENDPOINT} answers HTTP {status} for {model}: try later, or name a folder with --model")
    return content


def _get_json(address: str) -> tuple[int, Any] | str:
    """Return the HTTP status and the JSON, or the text of an error."""
    from huggingface_hub import get_token

    request = urllib.request.Request(address)  # noqa: S310 - the hub's address, or what HF_ENDPOINT says
    if token := get_token():
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=HUB_ANSWER_S) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, None
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))


def _check_room(model: str) -> None:
    from huggingface_hub.constants import HF_HUB_CACHE

    cache = Path(os.path.abspath(HF_HUB_CACHE))  # noqa: PTH100 - links stay as they are
    existing = next(folder for folder in (cache, *cache.parents) if folder.is_dir())
    free_gb = shutil.disk_usage(existing).free / 1e9
    if free_gb < DOWNLOAD_GB:
        raise CheckpointError(
            f"{model} takes {DOWNLOAD_GB} GB and {HF_HUB_CACHE} has {free_gb:.0f}: make room, or set HF_HOME"
        )
