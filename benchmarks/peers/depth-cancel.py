"""Cancels one task inside so many nested scopes: Trio's cancel scopes, asyncio's timeout(None).

Arguments: "trio" or "asyncio", depth, rounds.
Prints the nanoseconds of one level, a number for each round.
"""

import json
import sys
import threading
from time import perf_counter_ns

library = sys.argv[1]
depth, rounds = map(int, sys.argv[2:])
samples = []
left = 0


async def with_trio():
    async def nest(levels):
        global left
        try:
            with trio.CancelScope():
                if levels == 1:
                    await trio.sleep_forever()
                else:
                    await nest(levels - 1)
        finally:
            left += 1

    for _ in range(rounds):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(nest, depth)
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
            began = perf_counter_ns()
            nursery.cancel_scope.cancel()
        samples.append((perf_counter_ns() - began) / depth)


async def with_asyncio():
    async def nest(levels):
        global left
        try:
            async with asyncio.timeout(None):
                if levels == 1:
                    await asyncio.get_running_loop().create_future()
                else:
                    await nest(levels - 1)
        finally:
            left += 1

    for _ in range(rounds):
        task = asyncio.ensure_future(nest(depth))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        began = perf_counter_ns()
        task.cancel()
        await asyncio.wait([task])
        samples.append((perf_counter_ns() - began) / depth)


def main():
    if library == "trio":
        trio.run(with_trio)
    else:
        asyncio.run(with_asyncio())


if library == "trio":
    import trio
else:
    import asyncio

# Every level is a call on Python's own stack, and on C's: the main thread's is too small.
sys.setrecursionlimit(100_000)
threading.stack_size(512 * 1024 * 1024)
thread = threading.Thread(target=main)
thread.start()
thread.join()
assert left == depth * rounds, left
print(json.dumps(samples))
