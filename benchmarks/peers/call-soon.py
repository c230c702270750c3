"""Calls into a running loop from outside its tasks.

Arguments: "trio" or "asyncio", and then either
"here" or "there" (from the same thread, or another), calls of a batch, batches: prints the nanoseconds of one call, a
number for each batch; or
"latency", calls, milliseconds between them: prints the microseconds that each took from another thread.
"""

import json
import sys
import threading
import time
from time import perf_counter_ns

library, what = sys.argv[1:3]
size = int(sys.argv[3])
samples = []
calls = 0


async def measure(call, call_from_thread, new_event):
    """The two ways to call a function with arguments, and a maker of events that can be set and waited for."""
    global calls
    batches = 1 if what == "latency" else int(sys.argv[4])
    for _ in range(batches):
        came = []
        first = 0
        all_came = new_event()

        def arrived(made):
            came.append((perf_counter_ns() - made) / 1_000)
            if len(came) == size:
                all_came.set()

        def make_calls():
            nonlocal first
            first = perf_counter_ns()
            for _ in range(size):
                if what == "latency":
                    time.sleep(float(sys.argv[4]) / 1_000)
                call_from_thread(arrived, perf_counter_ns())

        if what == "here":
            first = perf_counter_ns()
            for _ in range(size):
                call(arrived, first)
            await all_came.wait()
        else:
            thread = threading.Thread(target=make_calls)
            thread.start()
            await all_came.wait()
        samples.extend(came if what == "latency" else [(perf_counter_ns() - first) / size])
        calls += len(came)
    assert calls == batches * size, calls


async def with_trio():
    token = trio.lowlevel.current_trio_token()
    await measure(token.run_sync_soon, token.run_sync_soon, trio.Event)


async def with_asyncio():
    loop = asyncio.get_running_loop()
    await measure(loop.call_soon, loop.call_soon_threadsafe, asyncio.Event)


if library == "trio":
    import trio

    trio.run(with_trio)
else:
    import asyncio

    asyncio.run(with_asyncio())
print(json.dumps(samples))
