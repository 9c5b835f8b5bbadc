"""Processes below this one, as tests look for them."""

import psutil


def descendants(word: str) -> list[psutil.Process]:
    """The living processes below this one whose command line holds a word. Dead ones nobody waited for have none."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if any(word in part for part in process.cmdline()):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found
