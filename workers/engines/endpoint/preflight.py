"""Check within five seconds what the endpoint engine needs: URLs, a profile, servers that answer and know the model."""

import logging
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from ocrmill.configs.engine_settings import EndpointSettings
from ocrmill.configs.errors import words_of
from ocrmill.configs.profiles.find import shipped_profiles
from ocrmill.configs.profiles.profile import Profile
from ocrmill.pipeline.redaction import redacted
from ocrmill.workers.engines.endpoint.answer import failure_of_status
from ocrmill.workers.engines.endpoint.request import ServedModel
from ocrmill.workers.engines.endpoint.transport import through_proxy, tls_context, tls_problem

MODELS_S = 4.0
_KEY = "give its key in the environment's OCRMILL_API_KEY, or in engine.endpoint.api_key"
_FORBIDDEN = (401, 403)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerFound:
    """The report of a server about itself; `problem` if it cannot be used."""

    url: str
    model: ServedModel | None = None
    version: str | None = None  # of vLLM
    problem: str | None = None
    is_away: bool = False  # it does not answer: it may come back


def check(settings: EndpointSettings) -> list[str]:
    """Return all that is missing or wrong, each with what to do about it."""
    problems = []
    if not settings.urls:
        problems.append("no server is named: --url http://HOST:8000/v1, and again for each other one")
    if settings.profile is None:
        names = ", ".join(shipped_profiles())
        problems.append(f"no profile is named: --profile NAME ({names}), or a file of your own (docs/endpoint.md)")
    if problems:
        return problems
    found = find_servers(settings)
    if all(server.is_away for server in found):
        return [server.problem for server in found if server.problem]
    return [server.problem for server in found if server.problem and not server.is_away]


def find_servers(settings: EndpointSettings) -> list[ServerFound]:
    """Ask all servers at once what they have."""
    assert settings.profile is not None
    profile = settings.profile
    headers = {}
    if settings.api_key is not None:
        headers["Authorization"] = f"Bearer {settings.api_key.get_secret_value()}"
    try:
        context = tls_context(settings)
    except (OSError, ssl.SSLError) as error:
        problem = f"engine.endpoint.ca_file is {settings.ca_file}, and cannot be used: {words_of(error)}"
        return [ServerFound(url, problem=problem) for url in settings.urls]
    with (
        httpx.Client(verify=context, headers=headers, timeout=min(MODELS_S, settings.connect_s)) as client,
        ThreadPoolExecutor(16) as threads,
    ):
        return list(threads.map(lambda url: _look_at(client, url.rstrip("/"), settings, profile), settings.urls))


def _look_at(client: httpx.Client, url: str, settings: EndpointSettings, profile: Profile) -> ServerFound:
    shown = redacted(url)
    try:
        answer = client.get(f"{url}/models")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        problem = tls_problem(error)
        if problem is not None:
            return ServerFound(url, problem=f"{shown} is not asked: {problem}")
        said = redacted(str(error)) or type(error).__name__
        return ServerFound(url, problem=f"no server answers at {shown}: {said}{through_proxy(url)}", is_away=True)
    if answer.status_code in _FORBIDDEN:
        given = "the key is not accepted" if settings.api_key else "it wants a key"
        return ServerFound(url, problem=f"{shown} answers {answer.status_code}, {given}: {_KEY}")
    models = _models(answer)
    if models is None:
        return _without_list(url, answer, settings, profile)
    return _with_model(client, url, models, settings, profile)


def _models(answer: httpx.Response) -> list[dict[str, Any]] | None:
    """Return the models of a list; None if it is none."""
    try:
        data = answer.json()["data"] if answer.is_success else None
    except (ValueError, KeyError, TypeError):
        return None
    return [model for model in data if isinstance(model, dict) and model.get("id")] if isinstance(data, list) else None


def _without_list(url: str, answer: httpx.Response, settings: EndpointSettings, profile: Profile) -> ServerFound:
    """Judge a server that does not tell its models: some hosted ones do not."""
    failed = failure_of_status(answer.status_code, answer.headers, answer.content)
    name = settings.model or profile.hub
    if answer.status_code >= 500 or answer.status_code == 429:  # noqa: PLR2004 - servers that may come back
        return ServerFound(url, problem=f"{redacted(url)}: {failed.detail}", is_away=True)
    if name is None or "/v" not in url:
        what = "an answer that is no list of models" if answer.is_success else f"{answer.status_code} for /models"
        return ServerFound(
            url, problem=f"{redacted(url)} gives {what}: name the base URL, which mostly ends in /v1, and the --model"
        )
    log.warning("%s does not tell its models; it is asked for %s", redacted(url), name)
    return ServerFound(url, ServedModel(name, _kind(settings, "")))


def _with_model(
    client: httpx.Client, url: str, models: list[dict[str, Any]], settings: EndpointSettings, profile: Profile
) -> ServerFound:
    names = [str(model["id"]) for model in models]
    chosen = _choose(names, settings, profile)
    if chosen is None:
        wanted = settings.model or profile.hub or "no model"
        listed = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")  # noqa: PLR2004 - shown
        return ServerFound(
            url,
            problem=f"{redacted(url)} does not serve {wanted}; it serves {listed or 'nothing'}: name one by --model",
        )
    model = models[names.index(chosen)]
    context = model.get("max_model_len")
    kind = _kind(settings, str(model.get("owned_by", "")))
    version = _version(client, url) if kind == "vllm" else None
    return ServerFound(url, ServedModel(chosen, kind, context if isinstance(context, int) else None), version)


def _choose(names: list[str], settings: EndpointSettings, profile: Profile) -> str | None:
    """Return the name that is set, that of the profile's model or its last part, or the only one there is."""
    if settings.model is not None:
        return settings.model if settings.model in names else None
    hub = profile.hub or ""
    fitting = [name for name in names if name == hub] or [
        name for name in names if hub and name.rpartition("/")[2].lower() == hub.rpartition("/")[2].lower()
    ]
    return fitting[0] if fitting else names[0] if len(names) == 1 else None


def _kind(settings: EndpointSettings, owner: str) -> str:
    if settings.server != "auto":
        return settings.server
    return owner if owner == "sglang" else "vllm"


def _version(client: httpx.Client, url: str) -> str | None:
    """Return the version of vLLM, which stands beside /v1; None if there is none."""
    try:
        answer = client.get(f"{url.removesuffix('/v1')}/version")
        version = answer.json().get("version") if answer.is_success else None
    except (httpx.HTTPError, ValueError, AttributeError):
        return None
    return version if isinstance(version, str) else None


def version_warning(profile: Profile, server: ServerFound) -> str | None:
    """Return a sentence if a server's vLLM is one that is known not to serve the model."""
    try:
        wanted, version = SpecifierSet(profile.vllm, prereleases=True), Version(server.version or "")
    except (InvalidSpecifier, InvalidVersion):
        return None
    if version in wanted or not profile.vllm:
        return None
    return f"{redacted(server.url)} runs vLLM {server.version}, and {profile.title} is known to need {profile.vllm}"
