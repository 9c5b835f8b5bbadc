"""Further attempts at a bad page: their settings, and what each changes in the settings of a run."""
