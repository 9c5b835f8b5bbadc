"""Where the work runs: in this process or in Ray actors."""
