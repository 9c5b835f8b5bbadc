"""The vision encoders of both DeepSeek-OCR, in plain torch."""
