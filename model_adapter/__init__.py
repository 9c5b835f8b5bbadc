"""DeepSeek-OCR 2 for vLLM. Imports nothing else of ours."""
