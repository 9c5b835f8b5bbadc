"""Check an engine's requirements on a node of a Ray cluster: the driver's machine may lack all of them."""

import logging

import ray
from ray.exceptions import RayError

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.errors import EngineError
from ocrmill.pipeline.records import EngineDescription
from ocrmill.workers.engines.deepseek_ocr2.preflight import refuse
from ocrmill.workers.engines.registry import make_engine, missing

CLUSTER_ANSWER_S = 4.0
log = logging.getLogger(__name__)


def check_on_a_node(settings: RunSettings, engine: EngineDescription) -> int:
    """Check on a node that has GPUs, if the engine takes some. Engines check again, each on its own node.

    If no node answers in time, because it is busy or starts on demand, nothing is checked here.

    Returns:
        The pages that an engine wants on that node, by its GPU; without an answer, the driver's own number.

    Raises:
        EngineError: with all that the node lacks.
    """
    task = ray.remote(num_cpus=0, num_gpus=engine.gpus, max_retries=0)(_missing_and_slots)
    checking = task.remote(settings.engine, engine.slots)
    ready, _ = ray.wait([checking], timeout=CLUSTER_ANSWER_S)
    if not ready:
        ray.cancel(checking, force=True)
        log.info(
            "no node of the cluster checked the engine's needs within %g s; each engine does when it starts",
            CLUSTER_ANSWER_S,
        )
        return engine.slots
    try:
        problems, slots = ray.get(checking)
    except RayError as error:
        last_line = str(error).strip().splitlines()[-1]
        raise EngineError(f"a node of the cluster cannot run this version of ocrmill: {last_line}") from error
    refuse(problems, settings.engine.name)
    return int(slots)


def _missing_and_slots(settings: EngineSettings, slots: int) -> tuple[list[str], int]:
    problems = missing(settings)
    return problems, slots if problems else make_engine(settings).describe().slots
