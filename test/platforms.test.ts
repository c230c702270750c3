/**
 * What a user of a platform without a backend meets. The platform is pretended, so what is shown is that nothing is
 * bound to the system before a run asks for it.
 */
import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { withoutWineNoise } from "./wine-noise.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

async function onPlatform(platform: string, program: string): Promise<string> {
  const source = `Object.defineProperty(process, "platform", { value: "${platform}" });\n${program}`;
  const child = Bun.spawn([process.execPath, "--eval", source], {
    cwd: root,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return `${output}${withoutWineNoise(errors)}`.trim();
}

/** What a run says there; a platform without a backend names those that have one. */
const REFUSALS: Record<string, string> = {
  darwin: "cannot bind kqueue, kevent from libSystem.B.dylib",
  freebsd: "cannot bind kqueue, kevent from libc.so.7",
  sunos: 'io: "auto" has no backend on sunos; Linux, macOS, FreeBSD and Windows have one',
};

for (const platform of ["darwin", "freebsd", "win32", "sunos"]) {
  test(`on ${platform} every entry point can be imported, with every name that it has elsewhere`, async () => {
    const names = `
      const names = [];
      for (const entry of ["index", "hazmat", "lowlevel", "socket", "testing"]) {
        names.push(entry, ...Object.keys(await import("./src/" + entry + ".ts")).sort());
      }
      console.log(names.join(" "));`;
    expect(await onPlatform(platform, names)).toBe(await onPlatform(process.platform, names));
  });
}

for (const platform of ["darwin", "freebsd", "sunos"]) {
  test(`on ${platform}, pretended where its library is not, run and runSync refuse with UnsupportedError`, async () => {
    const refused = `
      const { run, runSync } = await import("./src/index.ts");
      await run(function* () {}).catch((error) => console.log(error.name, error.message));
      try {
        runSync(function* () {});
      } catch (error) {
        console.log(error.name, error.message);
      }`;
    const line = `UnsupportedError ${REFUSALS[platform]}`;
    expect(await onPlatform(platform, refused)).toBe(`${line}\n${line}`);
  });
}

for (const platform of ["darwin", "freebsd"]) {
  test(`on ${platform}, whose sockets have no binding, socket() refuses with UnsupportedError`, async () => {
    const refused = `
      const { socket } = await import("./src/socket.ts");
      try {
        socket();
      } catch (error) {
        console.log(error.name, error.message);
      }`;
    const line = `UnsupportedError no binding to the sockets of ${platform}; Linux and Windows have one`;
    expect(await onPlatform(platform, refused)).toBe(line);
  });
}
