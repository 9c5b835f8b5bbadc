"""`ocrmill export`: the output as files for other programs."""
