"""The engine `deepseek-ocr`: the first DeepSeek-OCR, by the engine of the second one."""
