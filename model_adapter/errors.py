"""The errors of a checkpoint, as a tree of their own: `model_adapter` imports nothing else of ours.

    ModelFilesError
    |- CheckpointError        a checkpoint or an adapter cannot be loaded (also a ValueError)
    |  `- MissingFilesError   it lacks files
    |- ForeignConfigError     config.json is another model's               becomes a CheckpointError
    |- WeightNamesError       tensors are missing or unknown               becomes a CheckpointError
    |- DamagedFileError       a file of tensors is no such file            becomes a CheckpointError
    `- SeedError              a checkpoint cannot be written               exit 1
       `- OccupiedError       its folder holds something else              exit 2

A run turns a CheckpointError into an EngineError (workers/engines/deepseek_ocr2/preflight.py).
"""


class ModelFilesError(Exception):
    """Files of a model cannot be read or written; the text names the file or folder and says what to do."""

    exit_code = 1
