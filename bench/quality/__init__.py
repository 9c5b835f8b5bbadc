"""Score readers of text layers against documents with known source, typeset by real typesetters."""
