"""Run rasterizers and engines: in this process, or as Ray actors."""
