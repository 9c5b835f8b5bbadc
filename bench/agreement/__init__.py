"""Agreement of a text with its page's own words: what it finds of texts damaged by rule, and what it flags falsely."""
