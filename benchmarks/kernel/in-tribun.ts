/** A scenario's work as tribun does it: with both kinds of generator, on both hosts. */
import { run, runSync, type Coroutine } from "tribun";
import { yieldBriefly } from "tribun/hazmat";
import type { Described } from "../harness/peers.ts";
import type { Case } from "../harness/scenario.ts";

/** A main that does the work and gives its samples. */
export type Program = (effort: number) => () => Coroutine<readonly number[]>;

export interface Programs {
  /** With `function*`. */
  readonly plain: Program;
  /** With `async function*`. */
  readonly asynchronous: Program;
  /** The names of the cases that are the least either could cost. */
  readonly floors?: { readonly plain: string; readonly asynchronous: string };
  /** Only `runSync` where the host has no part in the work. */
  readonly hosts?: readonly ("runSync" | "run")[];
}

/** The cases "function*, runSync", "function*, run" and so on; `name` comes before that where it is given. */
export function inTribun(
  { name, ...described }: Partial<Described>,
  { plain, asynchronous, floors, hosts = ["runSync", "run"] }: Programs,
): Case[] {
  const kinds = [
    { kind: "function*", program: plain, floor: floors?.plain },
    { kind: "async function*", program: asynchronous, floor: floors?.asynchronous },
  ];
  return kinds.flatMap(({ kind, program, floor }) =>
    hosts.map((host) => ({
      ...described,
      name: [...(name === undefined ? [] : [name]), kind, host].join(", "),
      floor,
      samples: (effort) => (host === "run" ? run(program(effort)) : runSync(program(effort))),
    })),
  );
}

/** The first thousand operations of a run keep the stack of their making: gets them behind it. */
export function* settle(): Generator<any, void, any> {
  for (let i = 0; i < 1_000; i++) yield* yieldBriefly();
}
