"""Sleepers that are due at once, from when the scheduler gets the thread back until the last has ended.

Arguments: "trio" or "asyncio", how many, rounds.
Prints the nanoseconds of one of them, a number for each round.
"""

import json
import sys
from time import perf_counter, perf_counter_ns

library = sys.argv[1]
due, rounds = map(int, sys.argv[2:])
# How many seconds they sleep, which is longer than it takes to start them.
ASLEEP = 0.1
samples = []
ended = 0


def hold_until(time):
    while perf_counter() < time:
        pass
    return perf_counter_ns()


async def with_trio():
    async def sleeper(time):
        global ended
        await trio.sleep_until(time)
        ended += 1

    for _ in range(rounds):
        async with trio.open_nursery() as nursery:
            time = trio.current_time() + ASLEEP
            until = perf_counter() + ASLEEP
            for _ in range(due):
                nursery.start_soon(sleeper, time)
            # Trio shuffles the tasks of a pass: after the second all have begun.
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
            began = hold_until(until + 0.002)
        samples.append((perf_counter_ns() - began) / due)


async def with_asyncio():
    async def sleeper():
        global ended
        await asyncio.sleep(ASLEEP)
        ended += 1

    for _ in range(rounds):
        async with asyncio.TaskGroup() as group:
            for _ in range(due):
                group.create_task(sleeper())
            await asyncio.sleep(0)
            began = hold_until(perf_counter() + ASLEEP + 0.002)
        samples.append((perf_counter_ns() - began) / due)


if library == "trio":
    import trio

    trio.run(with_trio)
else:
    import asyncio

    asyncio.run(with_asyncio())
assert ended == due * rounds, ended
print(json.dumps(samples))
