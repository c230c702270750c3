"""Waiting until a socket is readable, with Trio's wait_readable or asyncio's add_reader.

Arguments: "trio" or "asyncio", rounds of a batch, batches that do not count, batches that do. Two tasks (asyncio: two
callbacks) wake each other over a socket pair. Prints the nanoseconds of one wake-up, a number for each batch that counts.

Or: "trio" or "asyncio" alone. Answers each byte of its standard input, a socket, by one, until it ends.
"""

import asyncio
import json
import socket
import sys
from time import perf_counter_ns

library, *numbers = sys.argv[1:]


def play():
    rounds, warm_up, counting = map(int, numbers)
    batches = warm_up + counting
    ping_end, pong_end = socket.socketpair()
    ping_end.setblocking(False)
    pong_end.setblocking(False)
    marks = []
    pongs = 0

    def on_trio():
        import trio

        async def ping():
            for _ in range(batches):
                marks.append(perf_counter_ns())
                for _ in range(rounds):
                    ping_end.send(b"x")
                    await trio.lowlevel.wait_readable(ping_end)
                    ping_end.recv(1)
            marks.append(perf_counter_ns())

        async def pong():
            nonlocal pongs
            for _ in range(batches * rounds):
                await trio.lowlevel.wait_readable(pong_end)
                pong_end.recv(1)
                pong_end.send(b"x")
                pongs += 1

        async def main():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pong)
                nursery.start_soon(ping)

        trio.run(main)

    def on_asyncio():
        async def main():
            loop = asyncio.get_running_loop()
            done = loop.create_future()
            pings = 0

            def on_ping():
                nonlocal pings
                ping_end.recv(1)
                pings += 1
                if pings % rounds == 0:
                    marks.append(perf_counter_ns())
                if pings == batches * rounds:
                    done.set_result(None)
                else:
                    ping_end.send(b"x")

            def on_pong():
                nonlocal pongs
                pong_end.recv(1)
                pong_end.send(b"x")
                pongs += 1

            loop.add_reader(ping_end, on_ping)
            loop.add_reader(pong_end, on_pong)
            marks.append(perf_counter_ns())
            ping_end.send(b"x")
            await done
            loop.remove_reader(ping_end)
            loop.remove_reader(pong_end)

        asyncio.run(main())

    {"trio": on_trio, "asyncio": on_asyncio}[library]()
    assert pongs == batches * rounds, pongs
    assert len(marks) == batches + 1, len(marks)
    counted = marks[warm_up:]
    print(json.dumps([(end - begin) / (2 * rounds) for begin, end in zip(counted, counted[1:])]))


def answer():
    inherited = socket.socket(fileno=0)
    inherited.setblocking(False)

    def on_trio():
        import trio

        async def main():
            while True:
                await trio.lowlevel.wait_readable(inherited)
                if not inherited.recv(1):
                    return
                inherited.send(b"x")

        trio.run(main)

    def on_asyncio():
        async def main():
            loop = asyncio.get_running_loop()
            done = loop.create_future()

            def on_readable():
                if inherited.recv(1):
                    inherited.send(b"x")
                else:
                    loop.remove_reader(inherited)
                    done.set_result(None)

            loop.add_reader(inherited, on_readable)
            await done

        asyncio.run(main())

    {"trio": on_trio, "asyncio": on_asyncio}[library]()


if numbers:
    play()
else:
    answer()
