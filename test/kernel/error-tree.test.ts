import { expect, test } from "bun:test";
import { ExceptionGroup } from "../../src/index.ts";

/** Without the lines of stacks. */
function shown(error: unknown): string {
  return Bun.inspect(error)
    .split("\n")
    .filter((line) => !/^[│ ]* at /.test(line))
    .join("\n");
}

test("Bun.inspect shows a group as a tree of its errors and their causes", () => {
  const group = new ExceptionGroup(
    [
      new TypeError("first", { cause: new Error("its cause", { cause: "a string" }) }),
      new ExceptionGroup([new RangeError("second"), "thrown string", { thrown: "object" }], "inner"),
      new Error(""),
    ],
    "outer",
    { cause: new Error("the group's own") },
  );
  expect(shown(group)).toBe(
    [
      "ExceptionGroup: outer (3 sub-errors)",
      "├─ cause: Error: the group's own",
      "├─ TypeError: first",
      "│  └─ cause: Error: its cause",
      "│     └─ cause: 'a string'",
      "├─ ExceptionGroup: inner (3 sub-errors)",
      "│  ├─ RangeError: second",
      "│  ├─ 'thrown string'",
      "│  └─ { thrown: 'object' }",
      "└─ Error",
    ].join("\n"),
  );
});

test("a group that is another error's cause, and one whose message was added to", () => {
  const group = new ExceptionGroup([new Error("part")], "in a nursery");
  group.message += "\n\n(a note)";
  expect(shown(new ExceptionGroup([new Error("outer", { cause: group })]))).toBe(
    [
      "ExceptionGroup: several errors (1 sub-error)",
      "└─ Error: outer",
      "   └─ cause: ExceptionGroup: in a nursery (1 sub-error)",
      "      ",
      "      (a note)",
      "      └─ Error: part",
    ].join("\n"),
  );
});

test("each error is shown with its stack", () => {
  const lines = Bun.inspect(new ExceptionGroup([new Error("one")])).split("\n");
  expect(lines.some((line) => line.startsWith("    at ") && line.includes("error-tree.test.ts"))).toBe(true);
  expect(lines.some((line) => line.startsWith("       at ") && line.includes("error-tree.test.ts"))).toBe(true);
});

test("an error that is its own cause, and one that is there twice, end", () => {
  const self = new Error("self");
  self.cause = self;
  expect(shown(new ExceptionGroup([self, self]))).toBe(
    [
      "ExceptionGroup: several errors (2 sub-errors)",
      "├─ Error: self",
      "│  └─ cause: Error: self (the one above)",
      "└─ Error: self",
      "   └─ cause: Error: self (the one above)",
    ].join("\n"),
  );
});

test("a group deeper than anybody reads is cut off", () => {
  let group = new ExceptionGroup([new Error("deep")], "level");
  for (let i = 0; i < 1_000; i++) group = new ExceptionGroup([group], "level");
  const lines = shown(group).split("\n");
  expect(lines.length).toBe(22);
  expect(lines.at(-1)).toEndWith("└─ (and what is in it: 1 more)");
});
