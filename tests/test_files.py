"""Files are written whole or not at all."""

import pytest

from numtorch.files import write_atomically


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
