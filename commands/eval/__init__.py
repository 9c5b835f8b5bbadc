"""`ocrmill eval`: an output against ground truth, in the forms of OmniDocBench, olmOCR-bench and plain Markdown."""
