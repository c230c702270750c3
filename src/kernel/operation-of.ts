import type { Operation, Trap } from "./operation.ts";
import { SingleUse } from "./single-use.ts";

class OperationOf<T> extends SingleUse<T> {
  readonly #body: () => Iterator<Trap, T, any>;
  #iterator: Iterator<Trap, T, any> | null = null;
  constructor(name: string, body: () => Iterator<Trap, T, any>) {
    super();
    Object.defineProperty(this, "operationName", { value: name });
    this.#body = body;
  }
  override next(): IteratorResult<Trap, T> {
    return (this.#iterator ??= this.#body()).next();
  }
}

/**
 * A fresh, lazy, single-use operation from the body of a plain generator: for library functions that are made of several
 * operations. The body begins when the operation is driven. `name` is what messages call it.
 */
export function operation<T>(name: string, body: () => Iterator<Trap, T, any>): Operation<T> {
  return new OperationOf(name, body);
}
