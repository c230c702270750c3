"""Has several tasks take a lock, hold it over a checkpoint and give it back, again and again: Trio's and asyncio's locks.

Arguments: "trio" or "asyncio", tasks, turns in a batch, batches.
Prints the nanoseconds of one turn, a number for each batch.
"""

import json
import sys
from time import perf_counter_ns

library = sys.argv[1]
tasks, size, batches = map(int, sys.argv[2:])
marks = []
done = 0


async def work(lock, checkpoint):
    global done
    for _ in range(size * batches // tasks):
        async with lock:
            if done % size == 0:
                marks.append(perf_counter_ns())
            done += 1
            await checkpoint()


async def with_trio():
    lock = trio.Lock()
    async with trio.open_nursery() as nursery:
        for _ in range(tasks):
            nursery.start_soon(work, lock, trio.lowlevel.checkpoint)


async def with_asyncio():
    lock = asyncio.Lock()
    async with asyncio.TaskGroup() as group:
        for _ in range(tasks):
            group.create_task(work(lock, lambda: asyncio.sleep(0)))


if library == "trio":
    import trio

    trio.run(with_trio)
else:
    import asyncio

    asyncio.run(with_asyncio())
marks.append(perf_counter_ns())
assert done == size * batches, done
print(json.dumps([(end - begin) / size for begin, end in zip(marks, marks[1:])]))
