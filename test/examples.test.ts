/** The examples, each as the program it is. */
import { describe, expect, test } from "bun:test";
import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { join } from "node:path";
import { whyNoKqueue } from "./io/libkqueue.ts";
import { pressCtrlC } from "./ctrl-c.ts";
import { whyNot } from "./platform.ts";
import { withoutWineNoise } from "./wine-noise.ts";

const notLinux = whyNot("linux");
const noShell = whyNot("shell");
const pathOf = (example: string): string => join(import.meta.dirname, "..", "examples", `${example}.ts`);

function start(example: string, ...options: string[]): Bun.Subprocess<"ignore", "pipe", "pipe"> {
  return Bun.spawn([process.execPath, pathOf(example), ...options], {
    stdio: ["ignore", "pipe", "pipe"],
  });
}

interface Outcome {
  output: string;
  errors: string;
  exitCode: number;
}

async function outcomeOf(child: Bun.Subprocess<"ignore", "pipe", "pipe">): Promise<Outcome> {
  const [output, errors, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { output, errors: withoutWineNoise(errors), exitCode };
}

test.skipIf(notLinux !== "")(`inotify: prints what happens in the folder, and ends${notLinux}`, async () => {
  expect(await outcomeOf(start("inotify"))).toEqual({
    output:
      "draft.txt: created\ndraft.txt: modified\ndraft.txt: closed after writing\n" +
      "draft.txt: moved away\nletter.txt: moved here\nletter.txt: deleted\n",
    errors: "",
    exitCode: 0,
  });
});

test.skipIf(notLinux !== "")(`pty: talks with a shell at a terminal, which hides the password${notLinux}`, async () => {
  const { output, errors, exitCode } = await outcomeOf(start("pty"));
  expect({ errors, exitCode }).toEqual({ errors: "", exitCode: 0 });
  expect(output.replaceAll("\r", "")).toMatch(
    /^Who is there\? Trio\nThe word\? \nWelcome, Trio, at \/dev\/pts\/\d+\. Your word has 10 letters\.\nsh ended with exit code 0\n$/,
  );
});

test.skipIf(whyNoKqueue !== "")(
  `kqueue: tells how a child ended and what happened to a file${whyNoKqueue}`,
  async () => {
    const { output, errors, exitCode } = await outcomeOf(start("kqueue"));
    expect({ errors, exitCode }).toEqual({ errors: "", exitCode: 0 });
    expect(output).toStartWith("the child ended with exit code 3\nthe file was written and extended\n");
  },
);

test("lock: one lock is unfair, the other takes turns and survives a waiter that gives up", async () => {
  expect(await outcomeOf(start("lock"))).toEqual({
    output:
      "NotVeryGoodLock: a a a b b b c c c\nGoodLock:        a b c a b c a b c\n" +
      "the second gave up\nthe first releases it\nthe third got it\n",
    errors: "",
    exitCode: 0,
  });
});

describe("echo", () => {
  test("serves its own clients, cuts the slow ones off, and adds up", async () => {
    const { output, errors, exitCode } = await outcomeOf(start("echo", "--clients", "40"));
    expect({ errors, exitCode }).toEqual({ errors: "", exitCode: 0 });
    expect(output).toMatch(/^\d+\.\d\d s {2}\d+ connections open, .* of 40 clients done, \d+ cut off$/m);
    expect(output).toContain("40 connections served, 0 left open\n");
    expect(output).toMatch(/^\d+\.\d MiB\/s each way/m);
    expect(output).toMatch(/40 clients at once: p50 \d+\.\d ms, p90 \d+\.\d ms, p99 \d+\.\d ms\n/);
    expect(output).toContain("36 clients done, 4 cut off by their deadline\n");
    const verified = Number(/^(\d+) bytes .* came back, and were what had been sent$/m.exec(output)?.[1]);
    // All of what 36 clients sent, and some, but not all, of what the others did.
    expect(verified).toBeGreaterThan(36 * 65_536);
    expect(verified).toBeLessThan(40 * 65_536);
  });

  test.skipIf(noShell !== "")(`says so when it may not have enough descriptors${noShell}`, async () => {
    const command = 'ulimit -n 256; exec "$0" "$@"';
    const child = Bun.spawn(["sh", "-c", command, process.execPath, pathOf("echo"), "--clients", "200"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const { output, errors, exitCode } = await outcomeOf(child);
    expect({ output, exitCode }).toEqual({ output: "", exitCode: 1 });
    expect(errors).toContain("200 clients need 500 descriptors, and this process may have 256");
  });

  test.each([
    [["--serve", "http"], '--serve takes a whole number from 0 to 65535, not "http"'],
    [["--serve", "65536"], '--serve takes a whole number from 0 to 65535, not "65536"'],
    [["--clients", "0"], '--clients takes a whole number from 1 to 1000000, not "0"'],
    [["--clients", "3", "--serve", "7777"], "--clients and --serve exclude each other"],
    [["--port", "7777"], "Unknown option '--port'"],
    [["7777"], "Unexpected argument '7777'"],
  ])("refuses %j with exit code 2", async (options, message) => {
    const { output, errors, exitCode } = await outcomeOf(start("echo", ...options));
    expect({ output, exitCode }).toEqual({ output: "", exitCode: 2 });
    expect(errors).toContain(message);
    expect(errors).toContain("usage: bun examples/echo.ts");
  });

  test("--serve echoes for others until Ctrl-C, which closes every connection", async () => {
    const server = await serve();
    const clients = await Promise.all([1, 2, 3].map(() => Client.to(server.port)));
    // More than all buffers hold: the server has to wait for room.
    const bytes = Buffer.alloc(8 * 2 ** 20, "to and fro, ");
    for (const client of clients) {
      client.socket.write(bytes);
      expect((await client.read(bytes.length)).equals(bytes)).toBe(true);
    }
    // One leaves, one is idle, and one sends and never reads: nobody may keep the server from ending.
    const [leaving, idle, stuck] = clients as [Client, Client, Client];
    leaving.socket.end();
    await leaving.closed;
    stuck.socket.pause();
    stuck.socket.write(bytes);
    idle.socket.write("still there?");
    expect((await idle.read(12)).toString()).toBe("still there?");
    await pressCtrlC(server.child);
    expect(await server.ended()).toEqual({
      output: expect.stringContaining("Ctrl-C: closed 2 of 2 open connections; 3 were served"),
      errors: "",
      exitCode: 0,
    });
    stuck.socket.resume();
    await Promise.all([idle.closed, stuck.closed]);
  });

  test("--serve without a client ends at Ctrl-C, too", async () => {
    const server = await serve();
    await pressCtrlC(server.child);
    expect(await server.ended()).toEqual({
      output: expect.stringContaining("Ctrl-C: closed 0 of 0 open connections; 0 were served"),
      errors: "",
      exitCode: 0,
    });
  });

  test("--serve says when the port is taken", async () => {
    const first = await serve();
    const { output, errors, exitCode } = await outcomeOf(start("echo", "--serve", String(first.port)));
    expect({ output, exitCode }).toEqual({ output: "", exitCode: 1 });
    expect(errors).toContain(`cannot serve at port ${first.port}: bind: EADDRINUSE`);
    await pressCtrlC(first.child);
    expect((await first.ended()).exitCode).toBe(0);
  });
});

interface Server {
  child: Bun.Subprocess;
  port: number;
  ended(): Promise<Outcome>;
}

/** The server, at a port of the kernel's choice, once it says which. */
async function serve(): Promise<Server> {
  const child = start("echo", "--serve", "0");
  const errors = child.stderr.text().then(withoutWineNoise);
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let output = "";
  let port: string | undefined;
  while (port === undefined) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the server ended: ${output}${await errors}`);
    output += value;
    port = /nc 127\.0\.0\.1 (\d+)"/.exec(output)?.[1];
  }
  const ended = async (): Promise<Outcome> => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { output, errors: await errors, exitCode: await child.exited };
      output += value;
    }
  };
  return { child, port: Number(port), ended };
}

class Client {
  readonly socket: Socket;
  /** Settles when the connection is closed, whoever closed it and however. */
  readonly closed: Promise<void>;
  #received: Buffer[] = [];
  #size = 0;
  #arrived: () => void = () => {};

  static async to(port: number): Promise<Client> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    return new Client(socket);
  }

  constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.once("close", () => resolve());
    });
    // A server that closes with bytes unread resets the connection, which is what the test is about.
    socket.on("error", () => {});
    socket.on("data", (data: Buffer) => {
      this.#received.push(data);
      this.#size += data.length;
      this.#arrived();
    });
  }

  async read(size: number): Promise<Buffer> {
    while (this.#size < size) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    const all = Buffer.concat(this.#received);
    this.#received = [all.subarray(size)];
    this.#size -= size;
    return all.subarray(0, size);
  }
}
