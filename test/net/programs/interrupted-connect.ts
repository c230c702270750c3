/** Ctrl-C while a connection attempt hangs: says that it is under way, then what came of the socket. */
import { KeyboardInterrupt, openNursery, runSync } from "../../../src/index.ts";
import { AF_INET, socket } from "../../../src/socket.ts";
import { waitAllTasksBlocked } from "../../../src/testing.ts";
import { listenTcp } from "../sockets.ts";

runSync(function* () {
  const { address } = listenTcp(AF_INET, 0);
  const first = socket();
  yield* first.connect(address);
  const client = socket();
  yield* openNursery(function* (nursery) {
    nursery.startSoon(function* () {
      yield* waitAllTasksBlocked();
      process.stdout.write("connecting\n");
    });
    try {
      yield* client.connect(address);
    } catch (error) {
      process.stdout.write(`${error instanceof KeyboardInterrupt} ${client.fd}\n`);
    }
  });
});
