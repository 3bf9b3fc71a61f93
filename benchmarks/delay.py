"""A TCP proxy that holds every piece back for half a round trip in each direction: a storage that is far away."""

import asyncio
import contextlib
import multiprocessing
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def far_away(port: int, round_trip_seconds: float) -> Iterator[int]:
    """Run the proxy to 127.0.0.1:`port` in a process of its own; gives the port that it listens on."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:
        arguments = (listening, port, round_trip_seconds / 2)
        process = multiprocessing.get_context("fork").Process(target=_serve, args=arguments, daemon=True)
        process.start()
        try:
            yield listening.getsockname()[1]
        finally:
            process.terminate()
            process.join(10)


def _serve(listening: socket.socket, port: int, seconds: float) -> None:
    asyncio.run(_run(listening, port, seconds))


async def _run(listening: socket.socket, port: int, seconds: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pipe(reader, there_writer, seconds), _pipe(there_reader, writer, seconds))

    async with await asyncio.start_server(connected, sock=listening) as server:
        await server.serve_forever()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Pieces keep their distance in time, so that only latency is added and no bandwidth is taken."""
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def deliver() -> None:
        while True:
            due, piece = await pieces.get()
            await asyncio.sleep(max(0, due - time.monotonic()))
            if not piece:
                writer.close()
                return
            writer.write(piece)

    sending = asyncio.ensure_future(deliver())
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65_536):
            pieces.put_nowait((time.monotonic() + seconds, piece))
    pieces.put_nowait((time.monotonic() + seconds, b""))
    with contextlib.suppress(ConnectionError):
        await sending
