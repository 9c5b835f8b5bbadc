"""What is to be measured on the first GPU: kernels and encoder (torch and triton only), then pages through vLLM."""
