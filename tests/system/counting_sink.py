# SPDX-License-Identifier: Apache-2.0
"""counting_sink.py LOG: an SMTP server that notes each complete message in LOG before it
answers, "QUEUE-ID NAME SHA256-OF-BODY" a line: what it was given, even if the answer is lost.
Prints its port. A process of its own, so that the test's threads do not slow it down.

Every second connection is offered CHUNKING, every third no PIPELINING. Answers to contents
come after up to 20 ms, as those of a server with a disk do."""
import asyncio
import hashlib
import os
import random
import re
import sys

QUEUE_ID = re.compile(rb"\r\n(?: |\t)id ([0-9a-z]{13})[\r;]")


class Sink:
    def __init__(self, log):
        self.log = log
        self.connections = 0

    def note(self, content):
        header, _, body = content.partition(b"\r\n\r\n")
        queue_id = QUEUE_ID.search(header).group(1).decode()
        name = re.search(rb"\r\nX-Name: (\S+)", header).group(1).decode()
        os.write(self.log, f"{queue_id} {name} {hashlib.sha256(body).hexdigest()}\n".encode())

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            await self.talk(reader, writer, self.connections)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            writer.close()

    async def talk(self, reader, writer, number):
        content = b""
        offers = ["sink.example", "8BITMIME", "SIZE 50000000"]
        offers += ["CHUNKING"] * (number % 2) + ["PIPELINING"] * (number % 3 > 0)
        writer.write(b"220 sink.example ESMTP\r\n")
        while True:
            line = await reader.readline()
            verb = line[:4].upper()
            if verb == b"EHLO":
                writer.write("".join(f"250{'-' if i < len(offers) else ' '}{offer}\r\n" for i, offer
                                     in enumerate(offers, 1)).encode())
            elif verb == b"DATA":
                writer.write(b"354 go ahead\r\n")
                await writer.drain()
                content = await reader.readuntil(b"\r\n.\r\n")
                await self.take(writer, content[:-3].replace(b"\r\n..", b"\r\n."))
            elif verb == b"BDAT":
                words = line.split()
                content += await reader.readexactly(int(words[1]))
                if words[-1].upper() == b"LAST":
                    await self.take(writer, content)
                    content = b""
                else:
                    writer.write(b"250 2.0.0 more\r\n")
            elif verb == b"QUIT" or not line:
                writer.write(b"221 2.0.0 bye\r\n")
                return
            else:
                writer.write(b"250 2.0.0 ok\r\n")
            await writer.drain()

    async def take(self, writer, content):
        self.note(content)
        await asyncio.sleep(random.uniform(0, 0.02))
        writer.write(b"250 2.0.0 taken\r\n")


async def main():
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    server = await asyncio.start_server(Sink(log).serve, "127.0.0.1", 0, limit=1 << 24,
                                        backlog=200)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
