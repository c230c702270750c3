"""Sets an event that many tasks wait for, again and again, each time a new one: Trio's and asyncio's events.

Arguments: "trio" or "asyncio", tasks that wait, rounds.
Prints the nanoseconds for one task woken, a number for each round.
"""

import json
import sys
from time import perf_counter_ns

library = sys.argv[1]
waiters, rounds = map(int, sys.argv[2:])
samples = []
done = 0
event = None


async def waiter():
    global done
    for _ in range(rounds):
        await event.wait()
        done += 1


async def wake(make, checkpoint):
    global event
    for _ in range(rounds):
        began = perf_counter_ns()
        happened = event
        event = make()
        happened.set()
        # Every task runs once before this one does again.
        for _ in range(3):
            await checkpoint()
        samples.append((perf_counter_ns() - began) / waiters)


async def with_trio():
    global event
    event = trio.Event()
    async with trio.open_nursery() as nursery:
        for _ in range(waiters):
            nursery.start_soon(waiter)
        await trio.testing.wait_all_tasks_blocked()
        await wake(trio.Event, trio.lowlevel.checkpoint)


async def with_asyncio():
    global event
    event = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(waiters):
            group.create_task(waiter())
        await asyncio.sleep(0)
        await wake(asyncio.Event, lambda: asyncio.sleep(0))


if library == "trio":
    import trio
    import trio.testing

    trio.run(with_trio)
else:
    import asyncio

    asyncio.run(with_asyncio())
assert done == waiters * rounds, done
print(json.dumps(samples))
