"""`ocrmill report`: an output in one file, to send to somebody."""
