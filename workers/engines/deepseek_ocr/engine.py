"""The first DeepSeek-OCR in vLLM, in one of its six modes."""

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.workers.engines.deepseek_ocr2.engine import DeepseekEngine


class DeepseekOcrEngine(DeepseekEngine):
    """The engine `deepseek-ocr`."""

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__(settings.deepseek_ocr, settings.page_timeout_s, settings.most_tiles)
