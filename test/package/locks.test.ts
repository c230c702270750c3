import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import manifest from "../../package.json";

const root = fileURLToPath(new URL("../..", import.meta.url));
const npmLock = await Bun.file(`${root}package-lock.json`).text();
const bunLock = await Bun.file(`${root}bun.lock`).text();

/** name@version of every package, of whatever platform. */
function npmPackages(): string[] {
  const { packages } = JSON.parse(npmLock) as { packages: Record<string, { version: string }> };
  return Object.entries(packages)
    .filter(([path]) => path !== "")
    .map(([path, { version }]) => `${path.replace(/^.*node_modules\//, "")}@${version}`)
    .toSorted();
}

function bunPackages(): string[] {
  const { packages } = Bun.JSONC.parse(bunLock) as { packages: Record<string, [string]> };
  return Object.values(packages)
    .map(([package_]) => package_)
    .toSorted();
}

test("the package has no dependency but exactly pinned ones for development", () => {
  expect(Object.keys(manifest).filter((key) => /dependencies$/i.test(key))).toEqual(["devDependencies"]);
  for (const version of Object.values(manifest.devDependencies)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
});

test("npm and Bun install the same versions", () => {
  expect(bunPackages()).toEqual(npmPackages());
});

test("no lock file names a registry", () => {
  expect(npmLock).not.toContain('"resolved"');
  expect(bunLock).not.toContain("://");
});
