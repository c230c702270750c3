import { yieldBriefly, type Operation, type Trap } from "../hazmat.ts";
import { operation } from "../kernel/operation-of.ts";
import type { AsyncResource } from "./stream.ts";

/** `aclose()` for what knows no courtesies: `close()`, and then a checkpoint. */
export function closing(resource: AsyncResource, name: string): Operation<void> {
  return operation(name, function* (): Generator<Trap, void, any> {
    resource.close();
    yield* yieldBriefly();
  });
}
