"""Wakes all waiters of one thing at once, again and again: Trio's parking lot, asyncio's Event.

Arguments: "trio" or "asyncio", waiters, rounds of a batch, batches, of which the first does not count.
Prints the nanoseconds of one waiter of one round, a number for each batch that counts.
"""

import json
import sys
from time import perf_counter_ns

library = sys.argv[1]
waiters, rounds_each, batches = map(int, sys.argv[2:])
rounds = rounds_each * batches
marks = []
woken = 0


async def with_trio():
    lot = trio.lowlevel.ParkingLot()

    async def waiter():
        global woken
        for _ in range(rounds):
            await lot.park()
            woken += 1

    async with trio.open_nursery() as nursery:
        for _ in range(waiters):
            nursery.start_soon(waiter)
        for _ in range(batches):
            while len(lot) < waiters:
                await trio.lowlevel.checkpoint()
            marks.append(perf_counter_ns())
            for _ in range(rounds_each):
                lot.unpark_all()
                # Trio shuffles the tasks of a pass: some may have theirs after this one.
                await trio.lowlevel.checkpoint()
                while len(lot) < waiters and woken < rounds * waiters:
                    await trio.lowlevel.checkpoint()
        marks.append(perf_counter_ns())


async def with_asyncio():
    event = asyncio.Event()

    async def waiter():
        global woken
        for _ in range(rounds):
            await event.wait()
            woken += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(waiters):
            group.create_task(waiter())
        await asyncio.sleep(0)
        for batch in range(batches):
            marks.append(perf_counter_ns())
            for round in range(rounds_each):
                event.set()
                event.clear()
                while woken < (batch * rounds_each + round + 1) * waiters:
                    await asyncio.sleep(0)
        marks.append(perf_counter_ns())


if library == "trio":
    import trio

    trio.run(with_trio)
else:
    import asyncio

    asyncio.run(with_asyncio())
assert woken == rounds * waiters, woken
marks = marks[1:]
print(json.dumps([(end - begin) / (rounds_each * waiters) for begin, end in zip(marks, marks[1:])]))
