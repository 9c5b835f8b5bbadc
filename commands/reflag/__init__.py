"""`ocrmill reflag`: judge the rows of an output again, from what they hold."""
