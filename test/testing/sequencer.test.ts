import { expect, test } from "bun:test";
import { CancelScope, UsageError, currentTime, moveOnAfter, openNursery, sleep } from "../../src/index.ts";
import { yieldBriefly } from "../../src/hazmat.ts";
import { Sequencer, assertCheckpoints, waitAllTasksBlocked } from "../../src/testing.ts";
import { errorOf, passes, thrownBy, virtual } from "../kernel/programs.ts";

test("blocks of several tasks run in the order of their positions, whatever the seed", () => {
  for (const seed of [undefined, 1, 2, 3]) {
    virtual(
      function* () {
        const sequencer = new Sequencer();
        const order: number[] = [];
        yield* openNursery(function* (nursery) {
          for (const positions of [
            [5, 7],
            [1, 2],
            [3, 6],
            [0, 4],
          ]) {
            nursery.startSoon(function* () {
              for (const position of positions) {
                using _turn = yield* sequencer.at(position);
                order.push(position);
                yield* yieldBriefly();
                order.push(position);
              }
            });
          }
        });
        expect(order).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]);
      },
      seed === undefined ? {} : { seed },
    );
  }
});

test("a block that throws lets the next one go", () => {
  virtual(function* () {
    const sequencer = new Sequencer();
    yield* errorOf(
      openNursery(function* () {
        using _turn = yield* sequencer.at(0);
        throw new Error("mine");
      }),
    );
    using _turn = yield* sequencer.at(1);
  });
});

test("at() is a checkpoint, also where it need not wait", () => {
  virtual(function* () {
    const sequencer = new Sequencer();
    (yield* assertCheckpoints(() => sequencer.at(0)))[Symbol.dispose]();
    (yield* assertCheckpoints(() => sequencer.at(1)))[Symbol.dispose]();
  });
});

test("a position is good for one use", () => {
  virtual(function* () {
    const sequencer = new Sequencer();
    (yield* sequencer.at(0))[Symbol.dispose]();
    const error = yield* errorOf(sequencer.at(0));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain("at(0)");
    using _turn = yield* sequencer.at(1);
  });
});

test("disposing twice is once", () => {
  virtual(function* () {
    const sequencer = new Sequencer();
    const turn = yield* sequencer.at(0);
    turn[Symbol.dispose]();
    turn[Symbol.dispose]();
    let third = false;
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        using _turn = yield* sequencer.at(2);
        third = true;
      });
      yield* waitAllTasksBlocked();
      expect(third).toBe(false);
      using _turn = yield* sequencer.at(1);
    });
  });
});

test("a task that is cancelled while it waits breaks the sequence for all", () => {
  virtual(function* () {
    const sequencer = new Sequencer();
    const scope = new CancelScope();
    const errors: Error[] = [];
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        yield* scope.run(function* () {
          errors.push(yield* errorOf(sequencer.at(2)));
        });
      });
      for (const position of [1, 5]) {
        nursery.startSoon(function* () {
          errors.push(yield* errorOf(sequencer.at(position)));
        });
      }
      yield* waitAllTasksBlocked();
      scope.cancel();
      yield* passes(3);
      errors.push(yield* errorOf(sequencer.at(0)));
    });
    expect(errors).toHaveLength(4);
    for (const error of errors) {
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message).toContain("broken");
    }
  });
});

test("a task whose scope is cancelled before it asks breaks the sequence for all, and for who comes later", () => {
  virtual(function* () {
    const sequencer = new Sequencer();
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      for (const position of [1, 2]) {
        nursery.startSoon(function* () {
          const scope = new CancelScope();
          if (position === 1) scope.cancel();
          yield* scope.run(function* () {
            const error = yield* errorOf(sequencer.at(position));
            if (error instanceof UsageError) log.push(`at(${position})`);
          });
        });
      }
      using _turn = yield* sequencer.at(0);
    });
    expect(log).toEqual(["at(1)", "at(2)"]);
    expect(yield* errorOf(sequencer.at(3))).toBeInstanceOf(UsageError);
  });
});

test("the next position waits for all that the block before it does", () => {
  virtual(function* () {
    const sequencer = new Sequencer();
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        using _turn = yield* sequencer.at(1);
        log.push("second");
      });
      {
        using _turn = yield* sequencer.at(0);
        yield* waitAllTasksBlocked();
        log.push("first");
      }
    });
    expect(log).toEqual(["first", "second"]);
  });
});

test("a holder that is cancelled in its block breaks nothing", () => {
  virtual(function* () {
    const sequencer = new Sequencer();
    yield* openNursery(function* (nursery) {
      nursery.startSoon(() =>
        moveOnAfter(5, function* () {
          using _turn = yield* sequencer.at(0);
          yield* sleep(100);
        }),
      );
      using _turn = yield* sequencer.at(1);
      expect(currentTime()).toBe(5);
    });
  });
});

test("positions are judged at once", () => {
  const sequencer = new Sequencer();
  for (const position of [-1, 1.5, Number.NaN, Infinity]) {
    expect(thrownBy(() => sequencer.at(position))).toBeInstanceOf(RangeError);
  }
  expect(thrownBy(() => sequencer.at("1" as never))).toBeInstanceOf(TypeError);
});

test("a position whose turn never comes is named where it is waited for", () => {
  const error = thrownBy(() =>
    virtual(function* () {
      const sequencer = new Sequencer();
      using _turn = yield* sequencer.at(0);
      yield* sequencer.at(2);
    }),
  );
  expect(error.message).toContain("sequencer.at(2)");
});
