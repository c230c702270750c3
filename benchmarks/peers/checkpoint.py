"""Tasks that do nothing but let the others run: Trio's checkpoint(), asyncio's sleep(0).

Arguments: "trio" or "asyncio", tasks, checkpoints of a batch over all tasks, batches that do not count, batches that do.
Prints the nanoseconds of one checkpoint, a number for each batch that counts.
"""

import json
import sys
from time import perf_counter_ns

library = sys.argv[1]
tasks, size, warm_up, counting = map(int, sys.argv[2:])
batches = warm_up + counting
each = size // tasks
marks = []
done = 0


async def work(first, checkpoint):
    global done
    for index in range(batches * each):
        if first and index % each == 0:
            marks.append(perf_counter_ns())
        await checkpoint()
        done += 1
    if first:
        marks.append(perf_counter_ns())


def with_trio():
    import trio

    async def main():
        async with trio.open_nursery() as nursery:
            for index in range(tasks):
                nursery.start_soon(work, index == 0, trio.lowlevel.checkpoint)

    trio.run(main)


def with_asyncio():
    import asyncio

    async def main():
        await asyncio.gather(*(work(index == 0, lambda: asyncio.sleep(0)) for index in range(tasks)))

    asyncio.run(main())


{"trio": with_trio, "asyncio": with_asyncio}[library]()
assert done == batches * size, done
assert len(marks) == batches + 1, len(marks)
marks = marks[warm_up:]
print(json.dumps([(end - begin) / size for begin, end in zip(marks, marks[1:])]))
