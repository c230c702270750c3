"""A TCP echo server on Trio or asyncio: prints its port, and serves until its standard input ends.

usage: echo.py trio|asyncio
"""

import asyncio
import os
import sys

BACKLOG = 2048
CHUNK = 65536


def on_trio():
    import trio

    async def echo(stream):
        async with stream:
            while data := await stream.receive_some(CHUNK):
                await stream.send_all(data)

    async def main():
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=BACKLOG)
        print(listeners[0].socket.getsockname()[1], flush=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, echo, listeners)
            await trio.lowlevel.wait_readable(sys.stdin.fileno())
            os._exit(0)

    trio.run(main)


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


def on_asyncio():
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0, backlog=BACKLOG)
        print(server.sockets[0].getsockname()[1], flush=True)
        loop.add_reader(sys.stdin.fileno(), os._exit, 0)
        await server.serve_forever()

    asyncio.run(main())


{"trio": on_trio, "asyncio": on_asyncio}[sys.argv[1]]()
