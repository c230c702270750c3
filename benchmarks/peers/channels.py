"""Sends values through a channel between two tasks: Trio's memory channels, asyncio's Queue.

Arguments: "trio" or "asyncio", the capacity, values in a batch, batches.
Prints the nanoseconds of one value, a number for each batch.
"""

import json
import sys
from time import perf_counter_ns

library = sys.argv[1]
capacity, size, batches = map(int, sys.argv[2:])
marks = []
done = 0


def received(number):
    global done
    if number % size == 0:
        marks.append(perf_counter_ns())
    done += 1


async def with_trio():
    send, receive = trio.open_memory_channel(capacity)

    async def sender():
        for i in range(size * batches):
            await send.send(i)

    async def receiver():
        for _ in range(size * batches):
            received(await receive.receive())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender)
        nursery.start_soon(receiver)


async def with_asyncio():
    queue = asyncio.Queue(capacity)

    async def sender():
        for i in range(size * batches):
            await queue.put(i)

    async def receiver():
        for _ in range(size * batches):
            received(await queue.get())

    async with asyncio.TaskGroup() as group:
        group.create_task(sender())
        group.create_task(receiver())


if library == "trio":
    import trio

    trio.run(with_trio)
else:
    import asyncio

    asyncio.run(with_asyncio())
marks.append(perf_counter_ns())
assert done == size * batches, done
print(json.dumps([(end - begin) / size for begin, end in zip(marks, marks[1:])]))
