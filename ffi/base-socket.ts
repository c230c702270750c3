/**
 * WSAIoctl, for the socket beneath a socket: a provider that is layered over Windows' own (of a filter, a proxy) gives
 * programs handles that the driver does not know.
 */
import { bindDll } from "./dll.ts";
import { addressOf } from "./memory.ts";
import { socketCalls } from "./socket.ts";

/** Asks every layer, and ends at the base. */
export const SIO_BASE_HANDLE: number = 0x48000022;
/** Asks for the next layer's handle. */
export const SIO_BSP_HANDLE_POLL: number = 0x4800001d;

/** Asks `socket` one of the two questions. A SOCKET, or minus the number of Winsock's error. */
export type AskSocket = (socket: number, question: number) => number;

let ask: AskSocket | undefined;

/** @throws {UnsupportedError} off Windows. */
export function askSocket(): AskSocket {
  return (ask ??= bind());
}

function bind(): AskSocket {
  const { WSAIoctl, WSAGetLastError: lastError } = bindDll("ws2_32.dll", {
    WSAIoctl: { args: ["u64", "u32", "u64", "u32", "u64", "u32", "u64", "u64", "u64"], returns: "i32" },
    WSAGetLastError: { args: [], returns: "i32" },
  });
  const answer = new BigUint64Array(new ArrayBuffer(8));
  const size = new ArrayBuffer(4);
  socketCalls(); // which starts Winsock on this thread
  return (socket, question) =>
    WSAIoctl(socket, question, 0, 0, addressOf(answer.buffer), 8, addressOf(size), 0, 0) === 0
      ? Number(answer[0])
      : -lastError();
}

/**
 * The socket that the driver knows `socket` by, mostly itself. Or minus the number of Winsock's error (WSAENOTSOCK).
 */
export function baseSocket(socket: number, question: AskSocket = askSocket()): number {
  let at = socket;
  for (;;) {
    const base = question(at, SIO_BASE_HANDLE);
    if (base >= 0) return base;
    // A layer that refuses to be looked beneath mostly answers how it polls itself (Trio knows of one that does).
    const below = question(at, SIO_BSP_HANDLE_POLL);
    if (below < 0 || below === at) return base;
    at = below;
  }
}
