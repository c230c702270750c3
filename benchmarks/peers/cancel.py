"""Cancels sleeping tasks, from the call until the last has ended: Trio's cancel scope, asyncio's task group.

Arguments: "trio" or "asyncio", tasks at once, batches of them.
Prints the nanoseconds of one task, a number for each batch.
"""

import json
import sys
from time import perf_counter_ns

library = sys.argv[1]
tasks, batches = map(int, sys.argv[2:])
FAR = 600
samples = []
ended = 0


async def sleeper(sleep, seconds):
    global ended
    try:
        await sleep(seconds)
    finally:
        ended += 1


async def with_trio():
    for _ in range(batches):
        async with trio.open_nursery() as nursery:
            for index in range(tasks):
                nursery.start_soon(sleeper, trio.sleep, FAR + index)
            # Trio shuffles the tasks of a pass: after the second all have begun.
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
            began = perf_counter_ns()
            nursery.cancel_scope.cancel()
        samples.append((perf_counter_ns() - began) / tasks)


async def with_asyncio():
    async def group_of_all():
        async with asyncio.TaskGroup() as group:
            for index in range(tasks):
                group.create_task(sleeper(asyncio.sleep, FAR + index))

    for _ in range(batches):
        all = asyncio.ensure_future(group_of_all())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        began = perf_counter_ns()
        all.cancel()
        await asyncio.wait([all])
        samples.append((perf_counter_ns() - began) / tasks)


if library == "trio":
    import trio

    trio.run(with_trio)
else:
    import asyncio

    asyncio.run(with_asyncio())
assert ended == batches * tasks, ended
print(json.dumps(samples))
