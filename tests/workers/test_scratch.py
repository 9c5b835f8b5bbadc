"""Scratch folders: gone with their owner, however it ends, and never before."""

import signal
import subprocess
import sys
from pathlib import Path

from processes import open_names

from ocrmill.workers.scratch import PREFIX, Scratch, clear_abandoned

OWNER = """
import sys, time
from pathlib import Path
from ocrmill.workers.scratch import Scratch
scratch = Scratch(Path(sys.argv[1]))
(scratch.path / "member.pdf").write_bytes(b"%PDF-")
print(scratch.path, flush=True)
time.sleep(600)
"""


def owner_of_a_folder_in(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process that holds a scratch folder with a file in it."""
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(parent)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def end(process: subprocess.Popen[str], blow: signal.Signals) -> None:
    process.send_signal(blow)
    process.communicate()


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    """A folder whose owner was killed goes when the next one is made; that of a living owner stays."""
    dead, left = owner_of_a_folder_in(tmp_path)
    alive, in_use = owner_of_a_folder_in(tmp_path)
    try:
        end(dead, signal.SIGKILL)
        mine = Scratch(tmp_path)

        assert not left.exists()
        assert (in_use / "member.pdf").exists()
        assert sorted(tmp_path.iterdir()) == sorted([in_use, mine.path])
        mine.close()
    finally:
        end(alive, signal.SIGKILL)

    assert clear_abandoned(tmp_path) == 1
    assert not list(tmp_path.iterdir())


def test_a_closed_folder_is_gone_with_what_is_in_it(tmp_path: Path) -> None:
    """Closing removes everything, folders below included, and leaves no descriptor open."""
    scratch = Scratch(tmp_path)
    assert any(name.startswith(str(tmp_path)) for name in open_names())
    (scratch.path / "folder").mkdir()
    (scratch.path / "folder" / "file").touch()
    scratch.close()

    assert not list(tmp_path.iterdir())
    assert not any(name.startswith(str(tmp_path)) for name in open_names())


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    """Folders of another name, and links that lead elsewhere, are left alone."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "thesis.tex").touch()
    parent = tmp_path / "tmp"
    (parent / "ocrmill-other").mkdir(parents=True)
    (parent / f"{PREFIX}link").symlink_to(elsewhere)

    assert clear_abandoned(parent) == 0
    assert (elsewhere / "thesis.tex").exists()
    assert len(list(parent.iterdir())) == 2
