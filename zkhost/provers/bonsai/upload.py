"""The bytes of an upload."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import IO

_CHUNK = 64 * 1024


class Body:
    """Bytes to send, in memory or in a file, sent in chunks, as often as it takes."""

    def __init__(self, data: bytes | bytearray | memoryview = b"") -> None:
        self._data = memoryview(data).cast("B")
        self._file: IO[bytes] | None = None
        self.size = len(self._data)

    @classmethod
    def of_file(cls, file: IO[bytes]) -> Body:
        """Return all of a seekable file; it is closed with the last reference to it."""
        body = cls()
        body._file, body.size = file, file.seek(0, os.SEEK_END)
        return body

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes, at most 64 KiB at a time."""
        for start in range(0, self.size, _CHUNK):
            if self._file is None:
                yield bytes(self._data[start : start + _CHUNK])
            else:
                self._file.seek(start)
                yield self._file.read(_CHUNK)
