"""Where an output is written: a local folder or a bucket, behind one interface."""
