/** What "fast" means here: the goals that figures can judge, and which figures judge them. */

export interface Goal {
  readonly work: string;
  readonly goal: string;
  readonly scenario: string;
  readonly group?: string;
  readonly case: string;
  /** What it is set against; what is left out is the case's own. Without it the figure itself is judged. */
  readonly against?: { readonly group?: string; readonly case?: string };
  /** The most that the ratio may be, or the figure; of MiB/s, the least that the ratio may be. */
  readonly limit: number;
}

const PLAIN = "function*, runSync";
const ASYNC = "async function*, runSync";
const PROMISES = "native promises";
const ASYNC_FLOOR = "floor: next().then(), drained";

const LATENCIES = [
  "1 connection, 64 B, back to back",
  "1 connection, 64 B, pauses of 0.3 ms",
  "64 connections, 64 B, back to back",
];
const THROUGHPUT = "64 connections, 64 KiB, back to back";

/** Where cost is not to grow: what it may differ by, from one size to another, for the processor's caches' sake. */
const FLAT = 2;
/** What may be the more with 10,000 others than with none. */
const LOG = Math.log2(10_000);
/** What "level" allows: what differs from one run to the next. */
const LEVEL = 1.1;

/** Work of one scenario, with a goal for each line. */
function of(
  where: Pick<Goal, "work" | "scenario" | "group" | "case">,
  ...lines: readonly Pick<Goal, "goal" | "against" | "limit">[]
): Goal[] {
  return lines.map((line) => Object.assign({}, where, line));
}

export const goals: readonly Goal[] = [
  ...of(
    { work: "a switch, `function*`", scenario: "park-unpark", case: PLAIN },
    { goal: "no slower than native promises", against: { case: PROMISES }, limit: 1 },
    { goal: "faster than a Go channel", against: { case: "Go channel" }, limit: 1 },
  ),
  ...of(
    { work: "a switch, `async function*`", scenario: "park-unpark", case: ASYNC },
    { goal: "at most 1.5 × its floor", against: { case: ASYNC_FLOOR }, limit: 1.5 },
  ),
  ...of(
    { work: "a switch 1,000 scopes deep", scenario: "scopes", group: "1,000 deep", case: `scopes, ${PLAIN}` },
    { goal: `depth costs nothing (at most ${FLAT} ×)`, against: { group: "1 deep" }, limit: FLAT },
  ),
  ...of(
    { work: "a checkpoint, `function*`", scenario: "checkpoint", group: "100 tasks", case: PLAIN },
    { goal: "at most 40 ns", limit: 40 },
  ),
  ...of(
    { work: "a checkpoint, `async function*`", scenario: "checkpoint", group: "100 tasks", case: ASYNC },
    { goal: "at most 1.3 × its floor", against: { case: ASYNC_FLOOR }, limit: 1.3 },
  ),
  ...of(
    { work: "spawning and joining a task", scenario: "spawn-join", group: "100 at a time", case: PLAIN },
    { goal: "faster than effection", against: { case: "effection" }, limit: 1 },
    { goal: "faster than effect's `forkChild`", against: { case: "effect, forkChild" }, limit: 1 },
    { goal: "faster than effect's `Effect.all`", against: { case: "effect, Effect.all" }, limit: 1 },
    { goal: "at most 5 × a bare promise", against: { case: PROMISES }, limit: 5 },
  ),
  ...of(
    { work: "a wake-up of 100,000 waiters", scenario: "fan-out", group: "100,000 waiters", case: PLAIN },
    { goal: `no more than one of 100 (at most ${FLAT} ×)`, against: { group: "100 waiters" }, limit: FLAT },
  ),
  ...of(
    {
      work: "a deadline, 10,000 others set",
      scenario: "deadlines",
      group: "set and cleared, beside 10,000",
      case: PLAIN,
    },
    { goal: `O(log n) or better (at most ${LOG.toFixed(1)} ×)`, against: { group: "set and cleared" }, limit: LOG },
  ),
  ...of(
    {
      work: "waking one of 10,000 descriptors",
      scenario: "descriptors",
      group: "10,000 descriptors",
      case: "epoll, runSync",
    },
    { goal: `no more than one of 10 (at most ${FLAT} ×)`, against: { group: "10 descriptors" }, limit: FLAT },
  ),
  ...of(
    { work: "cancelling a task, of 100,000", scenario: "cancel", group: "100,000 tasks", case: PLAIN },
    { goal: `O(n): no more than one of 1,000 (at most ${FLAT} ×)`, against: { group: "1,000 tasks" }, limit: FLAT },
  ),
  ...of(
    { work: "cancelling 5,000 scopes deep", scenario: "depth-cancel", group: "5,000 deep", case: `scopes, ${PLAIN}` },
    { goal: `a level no more than one of 50 (at most ${FLAT} ×)`, against: { group: "50 deep" }, limit: FLAT },
  ),
  ...[PLAIN, ASYNC].flatMap((name) =>
    of(
      {
        work: `memory of a blocked task with its scope, \`${name.replace(", runSync", "")}\``,
        scenario: "memory",
        group: "in a scope of its own",
        case: name,
      },
      { goal: "under 1 KiB", limit: 1_024 },
    ),
  ),
  ...(["run", "runSync"] as const).flatMap((host) => echo(host)),
];

/** A TCP echo over loopback, beside Bun's own handlers. */
function echo(host: "run" | "runSync"): Goal[] {
  const ours = { case: `function*, ${host}` };
  const level = { goal: `level with Bun.listen (within ${LEVEL} ×)`, against: { case: "Bun.listen" } };
  const latencies = LATENCIES.flatMap((group) =>
    of({ ...ours, work: `echo, \`${host}\`: ${group}`, scenario: "echo-latency", group }, { ...level, limit: LEVEL }),
  );
  const throughput = of(
    { ...ours, work: `echo's throughput, \`${host}\`: ${THROUGHPUT}`, scenario: "echo-throughput", group: THROUGHPUT },
    { ...level, limit: 1 / LEVEL },
  );
  return [...latencies, ...throughput];
}
