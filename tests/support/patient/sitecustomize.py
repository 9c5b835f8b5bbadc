"""The start of each Python process that finds this folder first: waiting for another process is sleep."""

import os
import time

os.sched_yield = lambda: time.sleep(0.0005)
