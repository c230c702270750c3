/** Tasks that wait for something and say how it ended. */
import { CancelScope, type Coroutine, call, isCancelled, type Nursery } from "../../src/index.ts";

/** Starts a task that waits in a scope of its own, which is given back; `name`, its error or "cancelled" goes to `log`. */
export function waiter(
  nursery: Nursery,
  log: string[],
  name: string,
  wait: () => Coroutine<unknown>,
  then: () => void = () => {},
): CancelScope {
  const scope = new CancelScope();
  nursery.startSoon(function* () {
    try {
      yield* scope.run(function* () {
        yield* call(wait);
        log.push(name);
        then();
      });
    } catch (error) {
      if (isCancelled(error)) throw error;
      log.push(`${name}: ${(error as Error).name}`);
    }
    if (scope.cancelledCaught) log.push(`${name} cancelled`);
  });
  return scope;
}
