import type { Operation, Trap } from "./operation.ts";
import { SingleUse, drivingTask } from "./single-use.ts";

class OperationOf<T> extends SingleUse<T> {
  override readonly operationName: string;
  readonly #body: () => Iterator<Trap, T, any>;
  #iterator: Iterator<Trap, T, any> | null = null;
  constructor(name: string, body: () => Iterator<Trap, T, any>) {
    super();
    this.operationName = name;
    this.#body = body;
  }
  override next(): IteratorResult<Trap, T> {
    if (this.#iterator === null) {
      this.task = drivingTask(this);
      this.#iterator = this.#body();
    }
    return this.withinThis(this.#iterator.next());
  }
}

/**
 * A fresh, lazy, single-use operation from the body of a plain generator: for library functions that are made of several
 * operations. The body begins when the operation is driven. `name` is what messages call it.
 */
export function operation<T>(name: string, body: () => Iterator<Trap, T, any>): Operation<T> {
  return new OperationOf(name, body);
}
