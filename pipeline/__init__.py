"""What happens to a document: plain Python, without Ray, torch or vLLM."""
