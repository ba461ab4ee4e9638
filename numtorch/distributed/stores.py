"""Stores: keys and bytes that the processes of a world share, here a dict."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta

default_pg_timeout = timedelta(minutes=30)


class DistError(RuntimeError):
    """An error of this module; those below say which part it is of."""


class DistBackendError(DistError):
    """An error of a backend."""


class DistNetworkError(DistError):
    """An error of the network."""


class DistStoreError(DistError):
    """An error of a store, as a key that nobody has set."""


def one(world_size: int | None, what: str) -> None:
    """Refuse a world of more than one process."""
    if world_size not in (None, -1, 1):
        raise NotImplementedError(
            f"{what}: numtorch runs a world of one process, not of world_size={world_size}; start the program once, "
            "without a launcher or with WORLD_SIZE=1"
        )


class Store:
    """Keys and bytes that the processes of a world share: here a dict."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self._changed = threading.Condition()
        self._timeout = default_pg_timeout

    def set(self, key: str, value: str | bytes) -> None:
        """Set a value.

        Args:
            key, value: strings; the value also as bytes.

        >>> import numtorch.distributed as dist
        >>> store = dist.HashStore()
        >>> store.set("a", "1")
        """
        with self._changed:
            self._values[key] = value.encode() if isinstance(value, str) else bytes(value)
            self._changed.notify_all()

    def get(self, key: str) -> bytes:
        """A value; waits until it is set, for as long as ``set_timeout`` has said.

        Args:
            key: its name.

        Returns:
            Bytes.

        Raises:
            DistStoreError: nobody has set it in time.

        >>> import numtorch.distributed as dist
        >>> store = dist.HashStore()
        >>> store.set("a", "1")
        >>> store.get("a")
        b'1'
        """
        self.wait([key])
        return self._values[key]

    def add(self, key: str, amount: int) -> int:
        """Add to a number; a key that is new begins at 0.

        Args:
            key: its name.
            amount: what is added.

        Returns:
            The sum.

        >>> import numtorch.distributed as dist
        >>> dist.HashStore().add("a", 3)
        3
        """
        with self._changed:
            value = int(self._values.get(key, b"0")) + amount
            self._values[key] = str(value).encode()
            self._changed.notify_all()
        return value

    def compare_set(self, key: str, expected: str, desired: str) -> bytes:
        """Set a value if it is the expected one, or if there is none and none is expected.

        Args:
            key: its name.
            expected, desired: strings; an empty ``expected`` stands for none.

        Returns:
            The value that it has then.

        >>> import numtorch.distributed as dist
        >>> dist.HashStore().compare_set("a", "", "1")
        b'1'
        """
        with self._changed:
            now = self._values.get(key)
            if now is None and expected:
                return expected.encode()
            if now is None or now == expected.encode():
                self._values[key] = now = desired.encode()
                self._changed.notify_all()
            return now

    def check(self, keys: Sequence[str]) -> bool:
        """Whether all these keys are set.

        Args:
            keys: their names.

        Returns:
            A bool.

        >>> import numtorch.distributed as dist
        >>> dist.HashStore().check(["a"])
        False
        """
        return all(key in self._values for key in keys)

    def wait(self, keys: Sequence[str], timeout: timedelta | None = None) -> None:
        """Wait until keys are set.

        Args:
            keys: their names.
            timeout: for how long.

        Raises:
            DistStoreError: some were not set in time.

        >>> import numtorch.distributed as dist
        >>> store = dist.HashStore()
        >>> store.set("a", "1")
        >>> store.wait(["a"])
        """
        limit = (timeout or self._timeout).total_seconds()
        with self._changed:
            if not self._changed.wait_for(lambda: self.check(keys), limit):
                absent = [key for key in keys if key not in self._values]
                raise DistStoreError(f"the store has no {absent} after {limit:g} s: no other process sets them here")

    def num_keys(self) -> int:
        """How many keys are set.

        Returns:
            A number.

        >>> import numtorch.distributed as dist
        >>> dist.HashStore().num_keys()
        0
        """
        return len(self._values)

    def delete_key(self, key: str) -> bool:
        """Take a key out.

        Args:
            key: its name.

        Returns:
            Whether it was there.

        >>> import numtorch.distributed as dist
        >>> dist.HashStore().delete_key("a")
        False
        """
        return self._values.pop(key, None) is not None

    def set_timeout(self, timeout: timedelta) -> None:
        """For how long ``get`` and ``wait`` wait.

        Args:
            timeout: a ``datetime.timedelta``.

        >>> import datetime, numtorch.distributed as dist
        >>> dist.HashStore().set_timeout(datetime.timedelta(seconds=1))
        """
        self._timeout = timeout

    @property
    def timeout(self) -> timedelta:
        """For how long ``get`` and ``wait`` wait."""
        return self._timeout


class HashStore(Store):
    """A store in the memory of the process.

    >>> import numtorch.distributed as dist
    >>> dist.HashStore().num_keys()
    0
    """


class TCPStore(Store):
    """A store that the processes of a world reach by the network; the world has one process here.

    Args:
        host_name, port: its address.
        world_size: how many processes share it.
        is_master: whether this process keeps it.
        timeout: for how long ``get`` waits.
        wait_for_workers, multi_tenant, master_listen_fd, use_libuv: accepted.

    Raises:
        NotImplementedError: another process keeps it.

    >>> import numtorch.distributed as dist
    >>> dist.TCPStore("localhost", 0, 1, True).host
    'localhost'
    """

    def __init__(
        self,
        host_name: str,
        port: int,
        world_size: int | None = None,
        is_master: bool = False,
        timeout: timedelta = default_pg_timeout,
        wait_for_workers: bool = True,
        multi_tenant: bool = False,
        master_listen_fd: int | None = None,
        use_libuv: bool = True,
    ):
        super().__init__()
        if (world_size or 1) > 1 or not is_master:
            raise NotImplementedError(
                f"TCPStore: numtorch runs a world of one process, which keeps the store itself (is_master=True, "
                f"world_size=1), not world_size={world_size} and is_master={is_master}"
            )
        self.host, self.port, self._timeout = host_name, port, timeout


class FileStore(Store):
    """A store that is a file which the processes of a world share; the world has one process here.

    Args:
        file_name: its path.
        world_size: how many processes share it.

    >>> import numtorch.distributed as dist
    >>> dist.FileStore("shared", 1).path
    'shared'
    """

    def __init__(self, file_name: str, world_size: int = -1):
        super().__init__()
        one(world_size, "FileStore")
        self.path = file_name


class PrefixStore(Store):
    """A store whose keys have a prefix in another one.

    Args:
        prefix: what stands before them.
        store: the other one.

    >>> import numtorch.distributed as dist
    >>> below = dist.HashStore()
    >>> dist.PrefixStore("job", below).set("a", "1")
    >>> below.get("job/a")
    b'1'
    """

    def __init__(self, prefix: str, store: Store):
        super().__init__()
        self.prefix, self.underlying_store = prefix, store

    def set(self, key: str, value: str | bytes) -> None:
        self.underlying_store.set(f"{self.prefix}/{key}", value)

    def get(self, key: str) -> bytes:
        return self.underlying_store.get(f"{self.prefix}/{key}")

    def add(self, key: str, amount: int) -> int:
        return self.underlying_store.add(f"{self.prefix}/{key}", amount)

    def compare_set(self, key: str, expected: str, desired: str) -> bytes:
        return self.underlying_store.compare_set(f"{self.prefix}/{key}", expected, desired)

    def check(self, keys: Sequence[str]) -> bool:
        return self.underlying_store.check([f"{self.prefix}/{key}" for key in keys])

    def wait(self, keys: Sequence[str], timeout: timedelta | None = None) -> None:
        self.underlying_store.wait([f"{self.prefix}/{key}" for key in keys], timeout)

    def num_keys(self) -> int:
        return self.underlying_store.num_keys()

    def delete_key(self, key: str) -> bool:
        return self.underlying_store.delete_key(f"{self.prefix}/{key}")
