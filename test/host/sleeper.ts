/** What other threads wake, as the I/O manager of a run is, and nothing else: for tests of those that wake. */
import { OVERLAPPED_ENTRY, completionPortCalls } from "../../ffi/completion-port.ts";
import { eventfd } from "../../ffi/eventfd.ts";
import { addressOf } from "../../ffi/memory.ts";
import { POLLIN, pollCalls } from "../../ffi/poll.ts";
import { descriptorCalls } from "../../ffi/unistd.ts";
import type { WakeAddress } from "../../ffi/wake-address.ts";

export interface Sleeper {
  readonly address: WakeAddress;
  /** Sleeps in the kernel until woken, for at most `timeout` ms, and says whether it was. */
  sleep(timeout: number): boolean;
  close(): void;
}

export function sleeper(): Sleeper {
  return process.platform === "win32" ? onPort() : onEventfd();
}

function onEventfd(): Sleeper {
  const fd = eventfd();
  const set = new Int32Array([fd, POLLIN]).buffer;
  const counter = new ArrayBuffer(8);
  return {
    address: { kind: "eventfd", fd },
    sleep(timeout) {
      const woken = pollCalls().poll(addressOf(set), 1, timeout) === 1;
      if (woken) descriptorCalls().read(fd, addressOf(counter), 8);
      return woken;
    },
    close: () => void descriptorCalls().close(fd),
  };
}

function onPort(): Sleeper {
  const { createPort, getMany, close } = completionPortCalls();
  const port = createPort();
  const most = 16;
  const entries = new ArrayBuffer(most * OVERLAPPED_ENTRY.size);
  return {
    address: { kind: "iocp", port },
    sleep: (timeout) => getMany(port, addressOf(entries), most, timeout) > 0,
    close: () => close(port),
  };
}
