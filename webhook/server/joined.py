"""An answer's head and body in one write.

uvicorn writes them one after the other: two TLS records and two system calls for each answer, a
tenth of what an admission costs.
"""

import asyncio
from typing import Final

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class JoinedWrites(asyncio.Transport):
    """What uvicorn's answers write to; holds a head back until the first piece of its body.

    Has what those answers use of a transport. `answered` is to be called when one is complete.
    """

    __slots__ = ("_awaits_head", "_head", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._awaits_head = True
        self._head = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write a piece, behind the head if that is still here."""
        if self._awaits_head and data != _CONTINUE:
            self._awaits_head = False
            self._head = bytes(data)
        elif self._head:
            self._transport.write(self._head + data)
            self._head = b""
        else:
            self._transport.write(data)

    def answered(self) -> None:
        """Let go of a head that had no body; the next write is the next answer's head."""
        self._flush()
        self._awaits_head = True

    def close(self) -> None:
        """Write what is here, and end the connection."""
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Tell whether the connection is about to end."""
        return self._transport.is_closing()

    def _flush(self) -> None:
        if self._head:
            self._transport.write(self._head)
            self._head = b""
