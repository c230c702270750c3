/** A run for strace to watch: nothing at all, waits on two descriptors in steady use, or a busy task. */
import { openNursery, runSync } from "../../../src/index.ts";
import { waitReadable, yieldBriefly } from "../../../src/hazmat.ts";
import { socketpair, type Socket } from "../../../src/socket.ts";

const WAITS = 2_500;
const CHECKPOINTS = 100_000;

function* bounce(socket: Socket, begins: boolean) {
  const ball = new Uint8Array(1);
  if (begins) socket.trySend(ball);
  for (let i = 0; i < WAITS; i++) {
    yield* waitReadable(socket);
    socket.tryRecv(1);
    if (!begins || i < WAITS - 1) socket.trySend(ball);
  }
}

runSync(function* () {
  if (process.argv[2] === "waits") {
    const [left, right] = socketpair();
    yield* openNursery(function* (nursery) {
      nursery.startSoon(bounce, left, true);
      nursery.startSoon(bounce, right, false);
    });
    left.close();
    right.close();
  } else if (process.argv[2] === "checkpoints") for (let i = 0; i < CHECKPOINTS; i++) yield* yieldBriefly();
});
