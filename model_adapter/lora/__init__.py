"""LoRA adapters: checked, their encoder's half folded into the weights, their decoder's half for vLLM."""
