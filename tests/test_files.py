"""Files are written whole or not at all."""

import subprocess
import sys
from pathlib import Path

import pytest

from numtorch.files import remove_abandoned, write_atomically

ROOT = Path(__file__).parent.parent


def test_bytes_and_parts(tmp_path):
    write_atomically(tmp_path / "f", b"one")
    assert (tmp_path / "f").read_bytes() == b"one"
    write_atomically(str(tmp_path / "f"), (part for part in (b"two ", memoryview(b"parts"))))
    assert (tmp_path / "f").read_bytes() == b"two parts"


def test_parts_that_fail_leave_what_was_there(tmp_path):
    def parts():
        yield b"half"
        raise KeyboardInterrupt

    write_atomically(tmp_path / "f", b"whole")
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "f", parts())
    assert (tmp_path / "f").read_bytes() == b"whole"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_private_file(tmp_path):
    write_atomically(tmp_path / "f", b"", mode=0o600)
    assert (tmp_path / "f").stat().st_mode & 0o077 == 0


SAVER = """
import os, sys
from numtorch.files import write_atomically
def parts():
    yield b"half"
    print("half", flush=True)
    sys.stdin.read()
    yield b"whole"
write_atomically(sys.argv[1], parts())
"""


def saver(path):
    """A process that stands still in the middle of writing."""
    process = subprocess.Popen(
        [sys.executable, "-c", SAVER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout.readline() == "half\n"
    return process


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path):
    for _ in range(3):
        process = saver(tmp_path / "f")
        process.kill()
        process.communicate()
    assert len(list(tmp_path.iterdir())) == 1  # each but the last was removed by the one after it
    write_atomically(tmp_path / "other", b"")
    assert len(list(tmp_path.iterdir())) == 2  # it is another file's
    write_atomically(tmp_path / "f", b"whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f", "other"]


def test_a_file_that_is_being_written_is_left_alone(tmp_path):
    process = saver(tmp_path / "f")
    write_atomically(tmp_path / "f", b"first")
    assert remove_abandoned(tmp_path) == 0
    process.communicate("")
    assert process.returncode == 0
    assert (tmp_path / "f").read_bytes() == b"halfwhole"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_files_of_others_are_no_temporary_files(tmp_path):
    names = [".f", ".f-12", "f-0123456789ab", ".f-0123456789ax", ".f-0123456789abc"]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / ".f-0123456789ab").mkdir()
    write_atomically(tmp_path / "f", b"")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*names, "f", ".f-0123456789ab"])
