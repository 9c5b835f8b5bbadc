"""Documents inside zip, tar and WARC archives."""
