"""DeepSeek-OCR 2 in vLLM."""
