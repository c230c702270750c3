"""Enters and leaves a scope, a timeout or a nursery around a checkpoint.

Arguments: "trio" or "asyncio"; "scope", "timeout" or "nursery"; how many make a batch, and how many batches.
Prints the nanoseconds of one, a number for each batch.
"""

import json
import sys
from time import perf_counter_ns

library, what = sys.argv[1:3]
size, batches = map(int, sys.argv[3:])
LONG = 60
samples = []
done = 0


def measure(times):
    global began
    now = perf_counter_ns()
    if times > 0:
        samples.append((now - began) / size)
    began = now


async def with_trio():
    global done
    synchronous = {"scope": trio.CancelScope, "timeout": lambda: trio.fail_after(LONG)}
    for batch in range(batches + 1):
        measure(batch)
        if batch == batches:
            return
        for _ in range(size):
            if what == "nursery":
                async with trio.open_nursery():
                    await trio.lowlevel.checkpoint()
            else:
                with synchronous[what]():
                    await trio.lowlevel.checkpoint()
            done += 1


async def with_asyncio():
    global done
    around = {
        "scope": lambda: asyncio.timeout(None),
        "timeout": lambda: asyncio.timeout(LONG),
        "nursery": asyncio.TaskGroup,
    }
    for batch in range(batches + 1):
        measure(batch)
        if batch == batches:
            return
        for _ in range(size):
            async with around[what]():
                await asyncio.sleep(0)
            done += 1


if library == "trio":
    import trio

    trio.run(with_trio)
else:
    import asyncio

    asyncio.run(with_asyncio())
assert done == batches * size, done
print(json.dumps(samples))
