"""Score pages as OmniDocBench's evaluator does, version 1.5 with its quick match; docs/evaluation.md says how."""
