"""The engine `transformers`: DeepSeek-OCR 2 by transformers' own classes, where there is no vLLM."""
