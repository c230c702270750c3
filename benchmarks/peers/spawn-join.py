"""Spawns tasks that do next to nothing and waits for their end: Trio's nurseries, asyncio's task groups.

Arguments: "trio" or "asyncio", tasks at a time, batches of them.
Prints the nanoseconds of one task, a number for each batch.
"""

import json
import sys
from time import perf_counter_ns

library = sys.argv[1]
tasks, batches = map(int, sys.argv[2:])
samples = []
done = 0


async def task():
    global done
    done += 1


async def with_trio():
    for _ in range(batches):
        began = perf_counter_ns()
        async with trio.open_nursery() as nursery:
            for _ in range(tasks):
                nursery.start_soon(task)
        samples.append((perf_counter_ns() - began) / tasks)


async def with_asyncio():
    for _ in range(batches):
        began = perf_counter_ns()
        async with asyncio.TaskGroup() as group:
            for _ in range(tasks):
                group.create_task(task())
        samples.append((perf_counter_ns() - began) / tasks)


if library == "trio":
    import trio

    trio.run(with_trio)
else:
    import asyncio

    asyncio.run(with_asyncio())
assert done == batches * tasks, done
print(json.dumps(samples))
