"""Connections out of a build's network namespace: each is forwarded to a port of the machine's 127.0.0.1."""

from __future__ import annotations

import contextlib
import socket
import threading

CHUNK = 256 * 1024


class PortForwarder:
    """Accepts connections on a socket inside a namespace, and connects to the port outside."""

    def __init__(self, listener: socket.socket, port: int) -> None:
        """Start accepting connections."""
        self._listener, self._port = listener, port
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop accepting; open connections end with their processes."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                inside, _ = self._listener.accept()
                try:
                    outside = socket.create_connection(("127.0.0.1", self._port))
                except OSError:
                    inside.close()
                    continue
                for source, target in ((inside, outside), (outside, inside)):
                    threading.Thread(target=_copy, args=(source, target), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Copy one direction to its end; the other may still be in use."""
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
