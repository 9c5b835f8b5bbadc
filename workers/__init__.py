"""The places where work runs: this process, or Ray actors."""
