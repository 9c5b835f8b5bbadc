"""DeepEncoder V2, the vision encoder of DeepSeek-OCR 2, in plain torch."""
