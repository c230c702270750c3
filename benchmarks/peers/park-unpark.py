"""Two tasks play ping-pong: Trio's over two parking lots, asyncio's by awaiting futures.

Arguments: "trio" or "asyncio", rounds of a batch, batches that do not count, batches that do.
Prints the nanoseconds of one switch, a number for each batch that counts.
"""

import json
import sys
from time import perf_counter_ns

library = sys.argv[1]
rounds, warm_up, counting = map(int, sys.argv[2:])
batches = warm_up + counting
marks = []
pongs = 0


def play_trio():
    import trio

    there, back = trio.lowlevel.ParkingLot(), trio.lowlevel.ParkingLot()

    async def ping():
        for _ in range(batches):
            marks.append(perf_counter_ns())
            for _ in range(rounds):
                there.unpark()
                await back.park()
        marks.append(perf_counter_ns())

    async def pong():
        global pongs
        for _ in range(batches * rounds):
            await there.park()
            pongs += 1
            back.unpark()

    async def main():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pong)
            # Pong has to be parked when the first ping comes; Trio's order within a pass is not to be relied on.
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(ping)

    import trio.testing

    trio.run(main)


def play_asyncio():
    import asyncio

    waiting = {}

    def wait(side):
        waiting[side] = asyncio.get_running_loop().create_future()
        return waiting[side]

    async def ping():
        for _ in range(batches):
            marks.append(perf_counter_ns())
            for _ in range(rounds):
                waiting["there"].set_result(None)
                await wait("back")
        marks.append(perf_counter_ns())

    async def pong():
        global pongs
        for _ in range(batches * rounds):
            await wait("there")
            pongs += 1
            waiting["back"].set_result(None)

    async def main():
        await asyncio.gather(pong(), ping())

    asyncio.run(main())


{"trio": play_trio, "asyncio": play_asyncio}[library]()
assert pongs == batches * rounds, pongs
assert len(marks) == batches + 1, len(marks)
marks = marks[warm_up:]
print(json.dumps([(end - begin) / (2 * rounds) for begin, end in zip(marks, marks[1:])]))
