"""Recall and false alarms of the repetition flag on a labelled set, beside the rules of others."""
