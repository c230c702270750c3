"""Blocks tasks and gives what the process has grown by: Trio's on a parking lot, asyncio's on an Event.

Arguments: "trio" or "asyncio", "bare" or "scoped", tasks.
Prints the bytes of resident memory for one task, as an array of one.
"""

import gc
import json
import os
import sys

library, scoped = sys.argv[1], sys.argv[2] == "scoped"
tasks = int(sys.argv[3])
ended = 0


def resident():
    gc.collect()
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def with_trio():
    lot = trio.lowlevel.ParkingLot()

    async def task():
        global ended
        if scoped:
            with trio.CancelScope():
                await lot.park()
        else:
            await lot.park()
        ended += 1

    before = resident()
    async with trio.open_nursery() as nursery:
        for _ in range(tasks):
            nursery.start_soon(task)
        while len(lot) < tasks:
            await trio.lowlevel.checkpoint()
        grown = resident() - before
        lot.unpark_all()
    return grown


async def with_asyncio():
    event = asyncio.Event()

    async def task():
        global ended
        if scoped:
            async with asyncio.timeout(None):
                await event.wait()
        else:
            await event.wait()
        ended += 1

    before = resident()
    async with asyncio.TaskGroup() as group:
        for _ in range(tasks):
            group.create_task(task())
        for _ in range(3):
            await asyncio.sleep(0)
        grown = resident() - before
        event.set()
    return grown


if library == "trio":
    import trio

    grown = trio.run(with_trio)
else:
    import asyncio

    grown = asyncio.run(with_asyncio())
assert ended == tasks, ended
print(json.dumps([grown / tasks]))
