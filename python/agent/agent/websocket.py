"""As much of the websocket protocol (RFC 6455) as it takes to see that one speaks."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import struct
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from . import web

if TYPE_CHECKING:
    from urllib.parse import SplitResult

# RFC 6455, section 1.3.
SECRET_OF_ALL = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
LONGEST = 1 << 20


class NoWebsocket(Exception):
    """Says what came instead of a websocket."""


class Websocket:
    """One connection through NGINX, under the name that the address gives."""

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        self.connection = web.connect(parts, timeout)
        self.response: http.client.HTTPResponse | None = None
        try:
            self._shake_hands(parts)
        except BaseException:
            self.close()
            raise

    def _shake_hands(self, parts: SplitResult) -> None:
        key = base64.b64encode(os.urandom(16))
        headers = {
            "Host": parts.netloc,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Origin": f"{parts.scheme}://{parts.netloc}",
            "Sec-WebSocket-Key": key.decode(),
            "Sec-WebSocket-Version": "13",
        }
        self.connection.request("GET", parts.path, headers=headers)
        self.socket = self.connection.sock
        # What came together with the headers is in its buffer.
        response = self.response = self.connection.response_class(self.socket, method="GET")
        response.begin()
        self.buffer = response.fp
        if response.status != 101:
            raise NoWebsocket(f"its websocket answers {response.status}")
        expected = base64.b64encode(hashlib.sha1(key + SECRET_OF_ALL).digest()).decode()
        if response.getheader("Sec-WebSocket-Accept") != expected:
            raise NoWebsocket("what answers does not speak the websocket protocol")

    def send(self, text: str) -> None:
        """Sends one message."""
        self._send(TEXT, text.encode())

    def receive(self) -> str | None:
        """Gives the next text, or None when the other side ends the connection."""
        while True:
            kind, data = self._frame()
            if kind == CLOSE:
                return None
            if kind == PING:
                self._send(PONG, data)
            elif kind == TEXT:
                return data.decode("utf-8", "replace")

    def close(self) -> None:
        """Ends the connection without a word."""
        if self.response:
            self.response.close()
        self.connection.close()

    def _send(self, kind: int, data: bytes) -> None:
        """What a client sends is masked (section 5.3)."""
        mask = os.urandom(4)
        head = struct.pack("!B", 0x80 | kind)
        if len(data) < 126:
            head += struct.pack("!B", 0x80 | len(data))
        else:
            head += struct.pack("!BH", 0x80 | 126, len(data))
        self.socket.sendall(head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(data)))

    def _frame(self) -> tuple[int, bytes]:
        first, second = self._bytes(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self._bytes(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self._bytes(8))
        if second & 0x80 or length > LONGEST:
            raise NoWebsocket("its websocket sends what no server sends")
        return first & 0x0F, self._bytes(length)

    def _bytes(self, count: int) -> bytes:
        data: bytes = self.buffer.read(count)
        if len(data) < count:
            raise NoWebsocket("its websocket ends in the middle of a message")
        return data
