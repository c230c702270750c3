/**
 * What a user of a platform without a backend meets. The platform is pretended, so what is shown is that nothing is
 * bound to the system before a run asks for it.
 */
import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";

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
  return `${output}${errors}`.trim();
}

for (const platform of ["darwin", "freebsd", "win32"]) {
  test(`on ${platform} every entry point can be imported, with every name that it has elsewhere`, async () => {
    const names = `
      const names = [];
      for (const entry of ["index", "hazmat", "lowlevel", "socket", "testing"]) {
        names.push(entry, ...Object.keys(await import("./src/" + entry + ".ts")).sort());
      }
      console.log(names.join(" "));`;
    expect(await onPlatform(platform, names)).toBe(await onPlatform(process.platform, names));
  });

  test(`on ${platform}, which has no backend, run and runSync refuse with UnsupportedError`, async () => {
    const refused = `
      const { run, runSync } = await import("./src/index.ts");
      await run(function* () {}).catch((error) => console.log(error.name, error.message));
      try {
        runSync(function* () {});
      } catch (error) {
        console.log(error.name, error.message);
      }`;
    const line = `UnsupportedError io: "auto" has no backend on ${platform}; Linux has one`;
    expect(await onPlatform(platform, refused)).toBe(`${line}\n${line}`);
  });
}
