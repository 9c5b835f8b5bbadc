"""Formulas read, drawn and compared by the programs of others: KaTeX in node, and the evaluators' own code."""
