/** The stream checkers: what every stream has to do, asked of one. */
export type { StreamMaker } from "./checking.ts";
export { checkHalfCloseableStream } from "./half-closeable.ts";
export { checkOneWayStream } from "./one-way.ts";
export { checkTwoWayStream } from "./two-way.ts";
