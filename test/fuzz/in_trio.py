"""Runs programs of program.ts in Trio, in virtual time: one in each line of the input, its outcome in each of the output.

Its twin is in-tribun.ts: they must read the same.
"""

import json
import math
import sys

import trio
import trio.testing

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup

END = 1e10
MISUSE = "UsageError"


class Own(Exception):
    """What the program itself raises."""


class World:
    def __init__(self, program):
        self.happenings = []
        self.scopes = []
        self.timed = []
        self.lots = [trio.lowlevel.ParkingLot(), trio.lowlevel.ParkingLot()]
        self.events = [trio.Event(), trio.Event()]
        self.locks = [trio.Lock(), trio.Lock()]
        self.semaphore = trio.Semaphore(2)
        self.limiter = trio.CapacityLimiter(2)
        self.condition = trio.Condition()
        self.channels = [trio.open_memory_channel(math.inf if c < 0 else c) for c in program["capacities"]]
        self.outermost = None

    def note(self, step, what):
        self.happenings.append((step, what, trio.current_time()))

    async def body(self, steps, path):
        for index, step in enumerate(steps):
            here = f"{path}.{index}"
            await trio.sleep(step["sleep"])
            self.note(here, "begins")
            try:
                await self.act(step["action"], here)
            except BaseException as error:
                self.note(here, name_of(error))
                raise
            self.note(here, "ends")

    async def act(self, action, here):
        match action["do"]:
            case "nothing":
                pass
            case "checkpoint":
                await trio.lowlevel.checkpoint()
            case "throw":
                raise Own(here)
            case "cancel":
                if action["scope"] < len(self.scopes):
                    self.scopes[action["scope"]].cancel()
            case "move":
                if action["scope"] < len(self.scopes):
                    self.scopes[action["scope"]].deadline = trio.current_time() + action["by"]
            case "shield":
                if action["scope"] < len(self.timed):
                    self.timed[action["scope"]].shield = action["to"]
            case "park":
                await self.lots[action["lot"]].park()
            case "unparkAll":
                self.note(here, f"unparked {len(self.lots[action['lot']].unpark_all())}")
            case "unpark":
                self.note(here, f"unparked {len(self.lots[action['lot']].unpark(count=action['count']))}")
            case "repark":
                self.lots[action["lot"]].repark(self.lots[1 - action["lot"]], count=action["count"])
            case "wait":
                await self.events[action["event"]].wait()
            case "set":
                self.events[action["event"]].set()
            case "lock":
                lock = self.locks[action["lock"]]
                await lock.acquire()
                self.note(here, "acquired")
                try:
                    await self.body(action["body"], f"{here}.b")
                finally:
                    lock.release()
            case "semaphore":
                await self.semaphore.acquire()
                self.note(here, "acquired")
                try:
                    await self.body(action["body"], f"{here}.b")
                finally:
                    self.semaphore.release()
            case "limiter":
                await self.limiter.acquire_on_behalf_of(here)
                self.note(here, "acquired")
                try:
                    await self.body(action["body"], f"{here}.b")
                finally:
                    self.limiter.release_on_behalf_of(here)
            case "tokens":
                self.limiter.total_tokens = action["total"]
            case "condition":
                await self.condition.acquire()
                try:
                    if action["notify"] > 0:
                        self.condition.notify(action["notify"])
                    else:
                        await self.condition.wait()
                    self.note(here, "holds")
                finally:
                    self.condition.release()
            case "send":
                await self.channels[action["channel"]][0].send(here)
            case "receive":
                self.note(here, f"got {await self.channels[action['channel']][1].receive()}")
            case "closeSend":
                self.channels[action["channel"]][0].close()
            case "closeReceive":
                self.channels[action["channel"]][1].close()
            case "scope":
                scope = trio.CancelScope(deadline=trio.current_time() + action["timeout"], shield=action["shield"])
                self.scopes.append(scope)
                self.timed.append(scope)
                with scope:
                    await self.body(action["body"], f"{here}.b")
                self.note(here, "caught" if scope.cancelled_caught else "not caught")
            case "failAfter":
                with trio.fail_after(action["timeout"]):
                    await self.body(action["body"], f"{here}.b")
            case "nursery":
                async with trio.open_nursery() as nursery:
                    self.scopes.append(nursery.cancel_scope)
                    for index, child in enumerate(action["children"]):
                        nursery.start_soon(self.body, child, f"{here}.c{index}")
                    await self.body(action["body"], f"{here}.b")
                await trio.lowlevel.checkpoint()
            case "start":
                await self.outermost.start(self.service, action["before"], action["after"], here)
                await trio.lowlevel.checkpoint()
            case "try":
                try:
                    await self.body(action["body"], f"{here}.b")
                finally:
                    with trio.move_on_after(30e6) as scope:
                        scope.shield = True
                        await self.body(action["cleanup"], f"{here}.f")
            case "catch":
                try:
                    await self.body(action["body"], f"{here}.b")
                except BaseException as error:
                    self.note(here, f"caught {' '.join(leaves_of(error))}")
                    cancelled = cancelled_of(error)
                    if cancelled is not None:
                        raise cancelled
                    await trio.lowlevel.checkpoint()
            case other:
                raise ValueError(other)

    async def service(self, before, after, here, task_status):
        await self.body(before, f"{here}.b")
        task_status.started()
        self.note(here, "started")
        await self.body(after, f"{here}.a")


def cancelled_of(error):
    if isinstance(error, trio.Cancelled):
        return error
    return error.subgroup(trio.Cancelled) if isinstance(error, BaseExceptionGroup) else None


def flat(error):
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [leaf for part in error.exceptions for leaf in flat(part)]


def leaves_of(error):
    return sorted(name_of(leaf) for leaf in flat(error) if not isinstance(leaf, trio.Cancelled))


def name_of(error):
    if isinstance(error, BaseExceptionGroup):
        return " ".join(leaves_of(error)) or "Cancelled"
    if isinstance(error, Own):
        return str(error)
    # What Trio has one class for, or Python's own.
    return MISUSE if isinstance(error, (RuntimeError, ValueError)) else type(error).__name__


def outcome_of(program):
    world = World(program)
    errors = []

    async def main():
        nonlocal errors
        try:
            with trio.move_on_after(END):
                async with trio.open_nursery() as world.outermost:
                    await world.body(program["main"], "")
        except BaseException as error:
            errors = leaves_of(error)

    clock = trio.testing.MockClock(autojump_threshold=0)
    trio.run(main, clock=clock, **({"strict_exception_groups": True} if HAS_STRICT else {}))
    return {"happenings": sorted(world.happenings, key=lambda happening: happening[0]), "errors": errors}


try:
    trio.run(trio.sleep, 0, strict_exception_groups=True)
    HAS_STRICT = True
except TypeError:
    HAS_STRICT = False

for line in sys.stdin:
    print(json.dumps(outcome_of(json.loads(line))), flush=True)
