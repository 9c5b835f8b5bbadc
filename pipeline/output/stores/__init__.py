"""Stores of outputs: a local folder or a bucket, behind one interface."""
