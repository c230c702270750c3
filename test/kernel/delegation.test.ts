/**
 * Cancellation holds under yield*: nothing after a cancelled operation runs, also where clean-up itself blocks. Cancelling
 * by `iterator.return()` does not keep that (effection #1190).
 */
import { expect, test } from "bun:test";
import { CancelScope, Cancelled, moveOnAfter, openNursery, sleep, sleepForever } from "../../src/index.ts";
import { yieldBrieflyNoCancel } from "../../src/hazmat.ts";
import { errorOf, virtual } from "./programs.ts";

test("code after a cancelled operation does not run, where the clean-up within it blocks", () => {
  virtual(function* () {
    const trail: string[] = [];
    function* innermost(): Generator<any, void, any> {
      try {
        yield* sleepForever();
        trail.push("after the operation");
      } finally {
        yield* new CancelScope({ shield: true }).run(() => sleep(5));
        yield* yieldBrieflyNoCancel();
        trail.push("innermost cleaned up");
      }
      trail.push("after the innermost try");
    }
    function* middle(): Generator<any, void, any> {
      try {
        yield* innermost();
        trail.push("after innermost()");
      } finally {
        yield* yieldBrieflyNoCancel();
        trail.push("middle cleaned up");
      }
      trail.push("after the middle try");
    }
    yield* moveOnAfter(10, function* () {
      yield* middle();
      trail.push("after middle()");
    });
    expect(trail).toEqual(["innermost cleaned up", "middle cleaned up"]);
  });
});

test("clean-up that is cancelled again goes on with the clean-up around it", () => {
  virtual(function* () {
    const trail: string[] = [];
    function* inner(): Generator<any, void, any> {
      try {
        yield* sleepForever();
      } finally {
        trail.push("clean-up begins");
        yield* sleep(1); // cancelled again: it is not shielded
        trail.push("not reached");
      }
    }
    yield* moveOnAfter(10, function* () {
      try {
        yield* inner();
        trail.push("not reached either");
      } finally {
        trail.push("outer clean-up");
      }
    });
    expect(trail).toEqual(["clean-up begins", "outer clean-up"]);
  });
});

test("a loop over operations ends at the first that is cancelled", () => {
  virtual(function* () {
    const trail: number[] = [];
    yield* moveOnAfter(25, function* () {
      for (let i = 0; ; i++) {
        try {
          yield* sleep(10);
        } finally {
          yield* yieldBrieflyNoCancel();
        }
        trail.push(i);
      }
    });
    expect(trail).toEqual([0, 1]);
  });
});

test("a finally that returns swallows the Cancelled, and the next checkpoint throws it again", () => {
  virtual(function* () {
    const trail: unknown[] = [];
    function* swallowing(): Generator<any, string, any> {
      try {
        yield* sleepForever();
      } finally {
        yield* yieldBrieflyNoCancel();
        // oxlint-disable-next-line no-unsafe-finally -- what it does is the point
        return "swallowed";
      }
    }
    yield* moveOnAfter(10, function* () {
      trail.push(yield* swallowing());
      trail.push(yield* errorOf(sleep(1)));
      yield* sleep(1);
      trail.push("not reached");
    });
    expect(trail).toEqual(["swallowed", expect.any(Cancelled)]);
  });
});

test("every frame of nested scopes and nurseries cleans up before those around it", () => {
  virtual(function* () {
    const trail: string[] = [];
    function* cleaning(name: string, body: () => Generator<any, void, any>): Generator<any, void, any> {
      try {
        yield* body();
        trail.push(`after the body of ${name}`);
      } finally {
        yield* new CancelScope({ shield: true }).run(() => sleep(1));
        trail.push(name);
      }
    }
    yield* moveOnAfter(10, () =>
      cleaning("outermost", function* () {
        yield* openNursery(function* (nursery) {
          nursery.startSoon(cleaning, "child", sleepForeverAsGenerator);
          yield* new CancelScope().run(() => cleaning("innermost", sleepForeverAsGenerator));
        });
      }),
    );
    expect(trail).toEqual(["child", "innermost", "outermost"]);
  });
});

function* sleepForeverAsGenerator(): Generator<any, void, any> {
  yield* sleepForever();
}
