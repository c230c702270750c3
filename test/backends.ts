/** The I/O backends that this machine has: what is to hold on every backend is tested with each of them. */
import { UnsupportedError } from "../src/errors.ts";
import { type IoBackend, chooseIo } from "../src/io/choose.ts";

const ALL: readonly IoBackend[] = ["epoll", "poll", "kqueue", "iocp"];

export const BACKENDS: readonly IoBackend[] = ALL.filter((name) => {
  try {
    chooseIo(name).close();
    return true;
  } catch (error) {
    if (error instanceof UnsupportedError) return false;
    throw error;
  }
});
