"""Start Ray on this machine or join a cluster, and plan the numbers of workers."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

import ray

from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.errors import EngineError
from ocrmill.pipeline.records import EngineDescription
from ocrmill.workers.engines.gpus import find_gpus
from ocrmill.workers.pools.cluster_check import check_on_a_node
from ocrmill.workers.pools.image_memory import image_memory, in_flight_bytes
from ocrmill.workers.pools.machine import usable_cores
from ocrmill.workers.pools.ray_session import RaySession

MIN_OBJECT_STORE = 256 << 20
ANSWER_S = 10.0  # for a cluster to accept a connection


@dataclass(frozen=True, slots=True)
class Crew:
    """Numbers of workers of each kind, and the bytes of page images that may be in flight."""

    rasterizers: int
    engines: int
    in_flight_bytes: int
    session: RaySession


def start_ray(settings: RunSettings, engine: EngineDescription) -> Crew:
    """Start Ray here, or join the cluster that the settings name.

    Raises:
        EngineError: the cluster does not answer, or has too few GPUs.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if settings.workers.ray_address is None:
        return _start_here(settings, engine)
    return _join(settings.workers.ray_address, settings, engine)


def with_absolute_paths(settings: RunSettings) -> RunSettings:
    """Return the settings for a process in another folder: folders get their absolute paths."""
    model = settings.engine.deepseek
    if model is None:
        return settings
    folders = {
        name: path
        for name in ("model", "lora", "moe_tables")
        if (path := getattr(model, name, None)) and Path(path).is_dir()
    }
    absolute = {name: str(Path(path).absolute()) for name, path in folders.items()}
    engine = settings.engine.model_copy(
        update={model.section.removeprefix("engine."): model.model_copy(update=absolute)}
    )
    return settings.model_copy(update={"engine": engine})


def _start_here(settings: RunSettings, engine: EngineDescription) -> Crew:
    cores = usable_cores()
    gpus = len(find_gpus()) if engine.gpus else 0
    engines = _engines(settings, engine, cores, gpus)
    rasterizers = settings.workers.rasterizers or cores
    bytes_in_flight = in_flight_bytes(settings, engines * engine.slots, image_memory())
    session = RaySession(
        "Ray on this machine",
        address="local",  # else Ray joins any cluster on this machine
        include_dashboard=False,
        num_cpus=rasterizers + engines,
        num_gpus=gpus,
        _system_config={"task_events_report_interval_ms": 0},  # else Ray's GCS stores 100,000 tasks, 3.4 kB a page
        object_store_memory=max(MIN_OBJECT_STORE, 2 * bytes_in_flight),  # half of it is for pages rendered ahead
    )
    return Crew(rasterizers, engines, bytes_in_flight, session)


def _join(address: str, settings: RunSettings, engine: EngineDescription) -> Crew:
    _check_connection(address)
    session = RaySession(f"the Ray cluster at {address}", address=address)
    try:
        resources = ray.cluster_resources()
        cores = int(resources.get("CPU", 1))
        half = max(1, cores // 2)
        engines = _engines(settings, engine, half, int(resources.get("GPU", 0)))
        slots = check_on_a_node(with_absolute_paths(settings), engine)
    except BaseException:  # a signal, too
        session.close()
        raise
    limit = int(resources.get("object_store_memory", 0)) // 2
    rasterizers = settings.workers.rasterizers or (cores if engine.gpus else half)
    return Crew(rasterizers, engines, in_flight_bytes(settings, engines * slots, limit), session)


def _check_connection(address: str) -> None:
    """Connect once: Ray waits more than five minutes for a dead HOST:PORT, though not for `auto` and `ray://HOST:PORT`."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise EngineError(f"cannot join the Ray cluster at {address}: {error}") from error


def _engines(settings: RunSettings, engine: EngineDescription, cores: int, gpus: int) -> int:
    """Return the number of vLLM engines: one for each GPU or group of GPUs; on the CPU one, which takes all cores."""
    wanted = settings.workers.engines or (gpus if engine.gpus else cores)
    if not engine.gpus:
        return 1 if engine.takes_all_cores else wanted
    if gpus < engine.gpus:
        raise EngineError(
            f"an engine needs {engine.gpus} GPUs and Ray has {gpus}: check nvidia-smi and CUDA_VISIBLE_DEVICES, "
            "or use --engine cpu"
        )
    return min(wanted, gpus // engine.gpus)
