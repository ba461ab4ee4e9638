"""Batches on their way from a worker: large arrays in memory that both processes map, the rest through the pipe.

The memory is an anonymous file, whose descriptor travels through the pipe: it has no name that could be left behind,
and it is gone with the last process that has it. The receiver maps it privately, so that its arrays are its own; the
sender only writes the file. Where the system has no such files, everything goes through the pipe.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import mmap
import os
import pickle
import struct
import sys
import weakref
from collections.abc import Callable
from multiprocessing import connection, reduction
from typing import Any, NamedTuple

LARGE = 1 << 18  # bytes, from which an array is not worth two copies through a pipe
LINE = 64  # bytes, at a multiple of which every array begins
MARK = b"F"  # begins the message that announces a file; no pickle does
AVAILABLE = sys.platform == "linux" and hasattr(os, "memfd_create")


class Message(NamedTuple):
    """A pickled object. Its large buffers are in the file ``fd``, of ``sizes`` bytes each; -1 where there is none."""

    data: bytes
    sizes: tuple[int, ...] = ()
    fd: int = -1


def encode(obj: Any, pickler: Callable[..., pickle.Pickler]) -> Message:
    """``obj`` as a message."""
    buffers: list[memoryview] = []

    def within(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < LARGE:
            return True
        buffers.append(raw)
        return False

    if AVAILABLE:
        with contextlib.suppress(OSError):  # no memory or no descriptors left for a file: the pipe needs none
            stream = io.BytesIO()
            pickler(stream, protocol=5, buffer_callback=within).dump(obj)
            return Message(stream.getvalue(), tuple(b.nbytes for b in buffers), _written(buffers) if buffers else -1)
    stream = io.BytesIO()
    pickler(stream, protocol=5).dump(obj)
    return Message(stream.getvalue())


def _written(buffers: list[memoryview]) -> int:
    """A file with the buffers, one after the other."""
    fd = os.memfd_create("numtorch-batch", os.MFD_CLOEXEC)
    try:
        at = 0
        for buffer in buffers:
            done = 0
            while done < buffer.nbytes:
                done += os.pwrite(fd, buffer[done:], at + done)
            at += -(-buffer.nbytes // LINE) * LINE
        os.ftruncate(fd, at)
    except BaseException:
        os.close(fd)
        raise
    return fd


def send(pipe: connection.Connection, message: Message) -> None:
    """Write a message, and close its file."""
    if message.fd < 0:
        pipe.send_bytes(message.data)
        return
    try:
        pipe.send_bytes(MARK + struct.pack(f"{len(message.sizes)}Q", *message.sizes))
        reduction.send_handle(pipe, message.fd, None)
        pipe.send_bytes(message.data)
    finally:
        os.close(message.fd)


def receive(pipe: connection.Connection) -> Any:
    """The object of the next message.

    Raises:
        EOFError, OSError: the other side has ended.
    """
    data = pipe.recv_bytes()
    if data[:1] != MARK:
        return pickle.loads(data)
    sizes = struct.unpack(f"{len(data) // 8}Q", data[1:])
    try:
        fd = reduction.recv_handle(pipe)
    except RuntimeError as error:  # what arrived was thrown away
        raise OSError(f"a batch was lost, as no file descriptor was left for it ({error}); see ulimit -n") from error
    try:
        whole = _mapped(fd, sum(-(-n // LINE) * LINE for n in sizes))
    finally:
        os.close(fd)
    buffers, at = [], 0
    for n in sizes:
        buffers.append(whole[at : at + n])
        at += -(-n // LINE) * LINE
    return pickle.loads(pipe.recv_bytes(), buffers=buffers)


def _mapped(fd: int, size: int) -> memoryview:
    """The file as memory of one's own: a page that is written to is copied first.

    Python's ``mmap`` keeps a descriptor for each mapping, of which there are few; a program may keep many batches.
    """
    at = _libc().mmap(None, size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE, fd, 0)
    if at in (None, ctypes.c_void_p(-1).value):  # too many mappings
        return memoryview(bytearray(os.pread(fd, size, 0)))
    memory = (ctypes.c_char * size).from_address(at)
    weakref.finalize(memory, _libc().munmap, at, size).atexit = False
    return memoryview(memory).cast("B")


def _libc() -> Any:
    global _functions
    if _functions is None:
        found = ctypes.CDLL(None, use_errno=True)
        found.mmap.restype = ctypes.c_void_p
        found.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
        found.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        _functions = found
    return _functions


_functions: Any = None
