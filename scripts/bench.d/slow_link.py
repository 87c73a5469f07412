"""Stands between a client and a port of this machine as a link of some length.

    slow_link.py PORT LATENCY_MS

Prints the port that it listens on. A line on its standard input is answered by what has passed
since the line before, as JSON; the end of its input ends it.

    connections    TCP connections
    round_trips    how often a client sent after it had waited for an answer, and once for each
                   connection's own handshake; not counted on a link without latency
"""

import asyncio
import json
import sys


class Link:
    def __init__(self, port, latency):
        self.port, self.latency = port, latency
        self.connections = self.round_trips = 0
        self.begun, self.has_heard = None, False

    async def join(self, reader, writer):
        self.connections += 1
        self.round_trips += 1
        # TCP's handshake was with this program: that it takes a round trip is made up for here.
        await asyncio.sleep(self.latency)
        try:
            ends = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(self.carry(reader, ends[1], self.note_sent), self.carry(ends[0], writer, None))
        except asyncio.CancelledError:
            # This program ends, and asyncio would print a traceback for each connection that is left.
            pass

    async def carry(self, reader, writer, note_sent):
        """Carries pieces one way; each arrives half the latency after it was sent."""
        pieces = asyncio.Queue()
        giving = asyncio.create_task(self.give(pieces, writer, hears=note_sent is None))
        try:
            while data := await reader.read(1 << 16):
                if note_sent:
                    note_sent()
                pieces.put_nowait((now() + self.latency / 2, data))
        except ConnectionError:
            pass
        pieces.put_nowait(None)
        await giving

    async def give(self, pieces, writer, hears):
        try:
            while piece := await pieces.get():
                due, data = piece
                if (left := due - now()) > 0:
                    await asyncio.sleep(left)
                self.has_heard |= hears
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        except (ConnectionError, OSError):
            writer.close()

    def note_sent(self):
        # What is sent sooner than an answer can come belongs to what was sent before.
        if self.begun is None or self.has_heard and now() - self.begun >= 0.9 * self.latency:
            self.round_trips += 1
            self.begun = now()
        self.has_heard = False

    def counts(self):
        counts = {"connections": self.connections, "round_trips": self.round_trips if self.latency else None}
        self.connections = self.round_trips = 0
        self.begun, self.has_heard = None, False
        return counts


def now():
    return asyncio.get_running_loop().time()


async def main(port, latency_ms):
    link = Link(int(port), int(latency_ms) / 1000)
    server = await asyncio.start_server(link.join, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    asked = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asked), sys.stdin)
    while await asked.readline():
        print(json.dumps(link.counts()), flush=True)
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
