/**
 * What a program pays before it does anything: importing the library, in a process that has just begun; and a whole
 * process that runs one task which does nothing, from before it is started until it has ended. Every sample is a process
 * of its own.
 *
 * Beside it: effection, effect, Trio, asyncio; and the floors, a Bun and a Python that do nothing.
 */
import { effect, effection, pythonLibrary } from "./harness/peers.ts";
import { scenario, type Case } from "./harness/scenario.ts";
import { left, scaled } from "./kernel/turns.ts";

const [imported, whole] = ["importing it", "a process that runs one task"];
const [emptyBun, emptyPython] = ["floor: an empty Bun", "floor: an empty Python"];

async function outputOf(command: readonly string[]): Promise<string> {
  const child = Bun.spawn([...command], {
    // Packages are looked for from here.
    cwd: import.meta.dirname,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const [output, exitCode] = await Promise.all([child.stdout.text(), child.exited]);
  if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with exit code ${exitCode}`);
  return output;
}

/** What the program itself says it took, in milliseconds. */
async function asSaid(command: readonly string[], effort: number): Promise<number[]> {
  const samples: number[] = [];
  for (let i = 0; i < scaled(3, effort); i++) samples.push(Number.parseFloat(await outputOf(command)));
  return samples;
}

/** How long the program lived; what it was there for it says by its output. */
async function lived(command: readonly string[], effort: number): Promise<number[]> {
  const samples: number[] = [];
  for (let i = 0; i < scaled(3, effort); i++) {
    const began = performance.now();
    const output = await outputOf(command);
    samples.push(performance.now() - began);
    if (output !== "done\n") throw new Error(`${command.join(" ")} said ${JSON.stringify(output)}`);
  }
  return samples;
}

const inBun = (program: string): string[] => [process.execPath, "-e", program];
const done = 'console.log("done");';

function bunCases(name: string, module: string, tasks: Readonly<Record<string, string>>): Case[] {
  const program = `const began = performance.now(); await import("${module}"); console.log(performance.now() - began);`;
  return [
    { group: imported, name, elsewhere: true, samples: (effort) => asSaid(inBun(program), effort) },
    ...Object.entries(tasks).map(([name, task]): Case => ({
      group: whole,
      name,
      elsewhere: true,
      samples: (effort) => lived(inBun(task), effort),
      floor: emptyBun,
    })),
  ];
}

function peerCases(name: string, missing: string | undefined, task: string): Case[] {
  const cases = bunCases(name, name, { [name]: task });
  return missing === undefined ? cases : cases.map((case_) => left(case_, missing));
}

function pythonCases(name: string, module: "trio" | "asyncio", task: string): Case[] {
  const interpreter = pythonLibrary(module)?.interpreter;
  if (interpreter === undefined) {
    return [imported, whole].map((group) => left({ group, name }, `there is no Python that has ${module}`));
  }
  const clock = "from time import perf_counter as now\nbegan = now()";
  const program = [interpreter, "-c", `${clock}\nimport ${module}\nprint((now() - began) * 1000)`];
  return [
    { group: imported, name, elsewhere: true, samples: (effort) => asSaid(program, effort) },
    {
      group: whole,
      name,
      elsewhere: true,
      samples: (effort) => lived([interpreter, "-c", task], effort),
      floor: emptyPython,
    },
  ];
}

const tribun: Readonly<Record<string, string>> = {
  "function*, runSync": `import { runSync } from "tribun"; runSync(function* () { ${done} });`,
  "function*, run": `import { run } from "tribun"; await run(function* () { ${done} });`,
  "async function*, runSync": `import { runSync } from "tribun"; runSync(async function* () { ${done} });`,
  "async function*, run": `import { run } from "tribun"; await run(async function* () { ${done} });`,
};
const effectTask = `import { Effect } from "effect"; await Effect.runPromise(Effect.gen(function* () { ${done} }));`;
const python = pythonLibrary("asyncio")?.interpreter;

await scenario({
  name: "start-up",
  title: "before anything is done",
  unit: "ms",
  processes: "shared",
  cases: [
    ...bunCases("tribun", "tribun", tribun),
    ...peerCases(
      "effection",
      (await effection()).missing,
      `import { run } from "effection"; await run(function* () { ${done} });`,
    ),
    ...peerCases("effect", (await effect()).missing, effectTask),
    ...pythonCases("Trio", "trio", `import trio\nasync def main(): print("done")\ntrio.run(main)`),
    ...pythonCases("asyncio", "asyncio", `import asyncio\nasync def main(): print("done")\nasyncio.run(main())`),
    { group: whole, name: emptyBun, elsewhere: true, samples: (effort) => lived(inBun(done), effort) },
    python === undefined
      ? left({ group: whole, name: emptyPython }, "there is no python3")
      : {
          group: whole,
          name: emptyPython,
          elsewhere: true,
          samples: (effort) => lived([python, "-c", 'print("done")'], effort),
        },
  ],
});
