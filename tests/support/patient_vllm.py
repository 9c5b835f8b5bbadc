"""Processes of vLLM that leave the cores to others while they wait for each other."""

import os
from pathlib import Path


def patient() -> dict[str, str]:
    """Environment variables by which vLLM's engine process sleeps between two looks at what its worker has answered.

    It looks all the time instead, which takes a core from the worker, or from another test. A step of the model takes
    some forty times as long as the sleep.
    """
    folders = [str(Path(__file__).with_name("patient")), os.environ.get("PYTHONPATH")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, folders))}
