"""Sets and clears deadlines that never come, or moves one, beside so many other sleepers.

Arguments: "trio" or "asyncio", "set" or "move", others, how many make a batch, batches.
Prints the nanoseconds of one, a number for each batch.
"""

import json
import sys
from time import perf_counter_ns

library, what = sys.argv[1:3]
others, size, batches = map(int, sys.argv[3:])
FAR = 600
samples = []
done = 0


def far(index):
    return FAR + (index * 7_919 % 600_000) / 1_000


async def with_trio():
    global done
    async with trio.open_nursery() as nursery:
        for index in range(others):
            nursery.start_soon(trio.sleep, far(index))
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        with trio.move_on_after(FAR) as scope:
            for _ in range(batches):
                now = trio.current_time()
                began = perf_counter_ns()
                for _ in range(size):
                    if what == "move":
                        scope.deadline = now + far(done)
                    else:
                        with trio.move_on_after(far(done)):
                            pass
                    done += 1
                samples.append((perf_counter_ns() - began) / size)
        nursery.cancel_scope.cancel()


async def with_asyncio():
    global done
    sleepers = [asyncio.ensure_future(asyncio.sleep(far(index))) for index in range(others)]
    await asyncio.sleep(0)
    async with asyncio.timeout(FAR) as timeout:
        for _ in range(batches):
            now = asyncio.get_running_loop().time()
            began = perf_counter_ns()
            for _ in range(size):
                if what == "move":
                    timeout.reschedule(now + far(done))
                else:
                    async with asyncio.timeout(far(done)):
                        pass
                done += 1
            samples.append((perf_counter_ns() - began) / size)
    for sleeper in sleepers:
        sleeper.cancel()
    await asyncio.gather(*sleepers, return_exceptions=True)


if library == "trio":
    import trio

    trio.run(with_trio)
else:
    import asyncio

    asyncio.run(with_asyncio())
assert done == batches * size, done
print(json.dumps(samples))
