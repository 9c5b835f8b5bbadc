"""Benches for the first GPU: kernels and encoder (torch and triton only), then pages through vLLM."""
