/**
 * Networking: sockets, for now.
 *
 * What is here is written on the public low-level API (`../hazmat.ts`), on the protocol by which operations are made
 * (`../kernel/operation.ts`, `operation-of.ts`, `single-use.ts`) and on `ffi`. It knows nothing of the scheduler, of
 * its hosts or of which backend waits. `../socket.ts` is its public page.
 */
export type { Address, InetAddress, UnixAddress } from "./address.ts";
export { Socket, socket, socketpair } from "./socket.ts";
