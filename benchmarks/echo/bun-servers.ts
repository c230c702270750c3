/** What comes with Bun, in its own documented idiom. */
import { createServer, type AddressInfo } from "node:net";

/** What a connection's kernel buffer did not take, until it drains. */
interface Backlog {
  rest: Uint8Array[];
}

export function bunListen(): Promise<void> {
  const server = Bun.listen<Backlog>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = { rest: [] };
        socket.setNoDelay(true);
      },
      data(socket, chunk) {
        const { rest } = socket.data;
        const sent = rest.length > 0 ? 0 : socket.write(chunk);
        if (sent < chunk.length) rest.push(chunk.slice(sent));
      },
      drain(socket) {
        const { rest } = socket.data;
        while (rest.length > 0) {
          const sent = socket.write(rest[0]!);
          if (sent < rest[0]!.length) {
            rest[0] = rest[0]!.subarray(sent);
            return;
          }
          rest.shift();
        }
      },
    },
  });
  console.log(server.port);
  return untilInputEnds();
}

export function nodeNet(): Promise<void> {
  const server = createServer({ noDelay: true }, (socket) => socket.pipe(socket));
  server.listen(0, "127.0.0.1", 2_048, () => console.log((server.address() as AddressInfo).port));
  return untilInputEnds();
}

async function untilInputEnds(): Promise<void> {
  for await (const _ of Bun.stdin.stream());
  process.exit();
}
