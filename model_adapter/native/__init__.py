"""DeepSeek-OCR 2 by transformers' own classes, for machines without vLLM."""
