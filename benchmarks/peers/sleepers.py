"""So many sleepers whose ends are spread evenly over a time, in no order.

Arguments: "trio" or "asyncio", "late" or "cpu", how many, over how many milliseconds.
Prints how late they were in milliseconds, one in a hundred of them, or the microseconds of CPU time that each took.
"""

import json
import sys
import time

library, measure = sys.argv[1:3]
count, spread = int(float(sys.argv[3])), float(sys.argv[4]) / 1_000
late = []
# In this time all have to be started: 60 microseconds each.
first = time.perf_counter() + count * 60e-6
cpu = time.process_time()


async def sleeper(sleep, index):
    due = first + index * 7_919 % count / count * spread
    await sleep(max(0, due - time.perf_counter()))
    late.append((time.perf_counter() - due) * 1_000)


async def with_trio():
    async with trio.open_nursery() as nursery:
        for index in range(count):
            nursery.start_soon(sleeper, trio.sleep, index)


async def with_asyncio():
    async with asyncio.TaskGroup() as group:
        for index in range(count):
            group.create_task(sleeper(asyncio.sleep, index))


if library == "trio":
    import trio

    trio.run(with_trio)
else:
    import asyncio

    asyncio.run(with_asyncio())
assert len(late) == count, len(late)
late = sorted(max(0, milliseconds) for milliseconds in late)
print(json.dumps(late[50::100] if measure == "late" else [(time.process_time() - cpu) * 1e6 / count]))
