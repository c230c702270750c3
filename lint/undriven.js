/** The rule: operations that nobody drives, and task functions that are called where they belong uncalled. */
import { Inference } from "./inference.js";
import { isFunctionKind, isList, isOperation, isTasks } from "./kind.js";
import { enclosingFunction, isFunction, nodesIn, outermost, propertyName } from "./syntax.js";

/**
 * @import { Operation, Slot } from "./kind.js"
 * @import { Node } from "./syntax.js"
 * @typedef {"discarded" | "yielded" | "awaited" | "returned" | "value" | "asked" | "using" | "other"} Use
 *   What becomes of an operation where it stands; `asked`: whether it is there at all, and that by a name it may have been
 *   given; `other` is all that may lead to its being driven.
 */

const messages = {
  undriven: "`{{call}}` does nothing until it is driven: write `yield* {{call}}`.",
  undrivenOutside:
    "`{{call}}` does nothing until it is driven, and only a generator can: write `yield* {{call}}` in a `function*`, " +
    "or return it to the one who drives it.",
  undrivenGenerator:
    "`{{call}}` runs nothing: calling a generator function only makes a generator. Write `yield* {{call}}`, or start a " +
    "task with `nursery.startSoon({{started}})`.",
  undrivenGeneratorOutside:
    "`{{call}}` runs nothing: calling a generator function only makes a generator. Write `yield* {{call}}` in a " +
    "`function*`, start a task with `nursery.startSoon({{started}})`, or enter a run with `run({{run}})`.",
  yielded: "`yield` hands `{{call}}` out and nobody drives it: write `yield* {{call}}`.",
  awaited: "`await` does not drive `{{call}}`, it gives back the operation itself: write `yield* {{call}}`.",
  awaitedOutside:
    "`await` does not drive `{{call}}`, it gives back the operation itself: make the function an `async function*` that " +
    "says `yield* {{call}}`, or enter a run with `await run(() => {{call}})`.",
  promised:
    "`{{combinator}}` does not drive `{{call}}`: it takes promises. Write `yield* all([() => {{call}}, …])`, `race` or " +
    '`map` of "tribun".',
  returned: "The task would return `{{call}}` itself, which nobody has driven: write `return yield* {{call}}`.",
  value: "`{{call}}` is an operation, and not what driving it gives: write `yield* {{call}}`.",
  neverDriven: "`{{name}}` is an operation, and not what driving it gives: write `{{name}} = yield* {{call}}`.",
  called:
    "`{{callee}}` takes a function and calls it itself; `{{call}}` is what calling one gives. Write `{{instead}}`.",
  calledBefore:
    "`{{callee}}` takes a function and calls it itself; `{{name}}` is what calling one gives. Pass the function.",
  drive: "Write `yield*`.",
  passFunction: "Pass the function: `{{instead}}`.",
};

const ITERATOR_METHODS = new Set(["next", "return", "throw"]);
const PROMISE_METHODS = new Set(["all", "allSettled", "any", "race", "resolve"]);
const LOOK_AT_VALUES = new Set(["console", "expect", "JSON", "Number", "String"]);
const TEST_RUNNERS = new Set(["@jest/globals", "bun:test", "vitest"]);
const NO_ARITHMETIC = new Set(["=", "??=", "||=", "&&="]);
const IDENTITY = new Set(["==", "!=", "===", "!==", "instanceof", "in"]);
/** Where a name of an operation may stand wrongly. */
const USES_OF_NAMES = new Set([
  "ArrayExpression",
  "AwaitExpression",
  "CallExpression",
  "ChainExpression",
  "ExpressionStatement",
  "TSNonNullExpression",
  "UnaryExpression",
  "YieldExpression",
]);

/** What can be said of a name where it stands; what else becomes of it is said where the operation was made. */
const NOT_AS_VALUE = new Set(["awaited", "discarded", "yielded"]);

const BOUND = new Set(["AwaitExpression", "YieldExpression"]);

/** Where an expression stands that may be anything. */
const NEEDS_NO_PARENTHESES = new Set([
  "ArrayExpression",
  "AssignmentExpression",
  "ExpressionStatement",
  "ForStatement",
  "Property",
  "ReturnStatement",
  "SequenceExpression",
  "TemplateLiteral",
  "VariableDeclarator",
  "YieldExpression",
]);

/** @param {any} context @returns {Record<string, (node: Node) => void>} */
function create(context) {
  const { sourceCode } = context;
  const kinds = new Inference(context);

  /** @param {Node} call */
  function checkCall(call) {
    const kind = kinds.of(call);
    if (isOperation(kind)) {
      if (!checkPlace(call, kind)) checkUse(call, kind);
    } else if (isList(kind) && isOperation(kind.list)) {
      checkList(call, kind.list);
    }
  }

  /** A name of an operation; whether what it holds is ever driven is looked at where it is declared. @param {Node} name */
  function checkName(name) {
    if (!USES_OF_NAMES.has(name.parent.type)) return;
    const kind = kinds.of(name);
    if (!isOperation(kind)) return;
    const place = kinds.slotOf(name);
    if (place !== null) {
      const data = { callee: callText(place.call, false), name: name.name };
      context.report({ node: name, messageId: "calledBefore", data });
    } else if (!kind.generator && NOT_AS_VALUE.has(useOf(name, kind))) {
      checkUse(name, kind);
    }
  }

  /** A call of a task function where the function belongs. @param {Node} node @param {Operation} kind @returns {boolean} */
  function checkPlace(node, kind) {
    const place = kinds.slotOf(node);
    if (place !== null) reportCalled(node, place);
    else if (!checkPromised(node, kind)) return false;
    return true;
  }

  /**
   * `all(items.map((item) => work(item)))`, and the same in a Promise.all().
   * @param {Node} node a call that gives an array of operations @param {Operation} kind
   */
  function checkList(node, kind) {
    const argument = outermost(node);
    const { parent } = argument;
    if (parent.type !== "CallExpression" || parent.callee === argument) return;
    const callee = kinds.of(parent.callee);
    const slot = isFunctionKind(callee) ? callee.takes[parent.arguments.indexOf(argument)] : undefined;
    const combinator = combinatorOf(parent);
    const fn = node.arguments[0];
    const made = isFunction(fn) && fn.body.type !== "BlockStatement" ? fn.body : null;
    if (slot?.list) {
      const instead = made === null ? `() => ${textOf(fn)}(…)` : `() => ${callText(made)}`;
      context.report({
        node: made ?? fn,
        messageId: "called",
        data: { callee: callText(parent, false), call: callText(made ?? node), instead },
        suggest: made && [suggestion("passFunction", { instead }, (fixer) => fixer.insertTextBefore(made, "() => "))],
      });
    } else if (combinator !== null && isTasks(kind)) {
      context.report({ node: made ?? node, messageId: "promised", data: { combinator, call: callText(made ?? node) } });
    }
  }

  /** An operation among the promises of a Promise.all(). @param {Node} node @param {Operation} kind @returns {boolean} */
  function checkPromised(node, kind) {
    let argument = outermost(node);
    if (argument.parent.type === "ArrayExpression") argument = outermost(argument.parent);
    const { parent } = argument;
    if (parent.type !== "CallExpression" || parent.arguments[0] !== argument || !isTasks(kind)) return false;
    const combinator = combinatorOf(parent);
    if (combinator === null) return false;
    context.report({ node, messageId: "promised", data: { combinator, call: callText(node) } });
    return true;
  }

  /** @param {Node} call @returns {string | null} */
  function combinatorOf({ callee }) {
    if (callee.type !== "MemberExpression" || callee.object.name !== "Promise") return null;
    const name = propertyName(callee);
    const variable = kinds.variableOf(callee.object);
    return name !== null && PROMISE_METHODS.has(name) && !variable?.defs.length ? `Promise.${name}()` : null;
  }

  /** @param {Node} node @param {{ call: Node, index: number, slot: Slot }} place */
  function reportCalled(node, { call, index, slot }) {
    const alone = slot.passesArguments === true && !slot.list && call.arguments.length === 1;
    const { shown, text } = functionFor(node, alone);
    const before = `${callText(call, false).slice(0, -1)}${index > 0 ? "…, " : ""}`;
    context.report({
      node,
      messageId: "called",
      data: {
        callee: callText(call, false),
        call: callText(node),
        instead: slot.list ? shown : `${before}${shown})`,
      },
      suggest: text && [
        suggestion("passFunction", { instead: shown }, (fixer) => fixer.replaceText(outermost(node), text)),
      ],
    });
  }

  /**
   * What to pass for a call: as a message shows it, and as it is written, if it can be.
   * @param {Node} node @param {boolean} alone whether its arguments can be passed on after it
   * @returns {{ shown: string, text: string | null }}
   */
  function functionFor(node, alone) {
    const byName = node.callee.type === "Identifier" && !node.optional;
    if (byName && node.arguments.length === 0) return { shown: node.callee.name, text: node.callee.name };
    if (byName && alone) {
      // startSoon(work(1)) is startSoon(work, 1): the arguments are taken now, as the call said.
      const parts = [node.callee, ...node.arguments].map((each) => sourceCode.getText(each));
      return { shown: `${node.callee.name}, …`, text: parts.join(", ") };
    }
    // What belongs to the function around it cannot stand in one of its own.
    const isBound = nodesIn(node, sourceCode.visitorKeys).some(({ type }) => BOUND.has(type));
    return { shown: `() => ${callText(node)}`, text: isBound ? null : `() => ${sourceCode.getText(node)}` };
  }

  /** @param {Node} node @param {Operation} kind */
  function checkUse(node, kind) {
    const use = useOf(node, kind);
    if (use === "other" || use === "asked") {
      checkHeld(node, kind);
      return;
    }
    const inGenerator = enclosingFunction(node)?.generator === true;
    const data = { call: callText(node), ...startedBy(node) };
    /** @type {string} */
    let messageId = use;
    if (use === "discarded") {
      messageId = `undriven${kind.generator ? "Generator" : ""}${inGenerator ? "" : "Outside"}`;
    } else if (use === "awaited" && !inGenerator) messageId = "awaitedOutside";
    else if (use === "using") messageId = "value";
    context.report({ node, messageId, data, suggest: drive(node, use) });
  }

  /**
   * `const bytes = socket.recv(10)`, where bytes is only used as what the operation gives.
   * @param {Node} node @param {Operation} kind
   */
  function checkHeld(node, kind) {
    const { parent } = outermost(node);
    if (!isTasks(kind) || parent.type !== "VariableDeclarator" || parent.id.type !== "Identifier") return;
    const variable = kinds.variableOf(parent.id);
    const references = variable?.references.filter((/** @type {any} */ reference) => reference.isRead()) ?? [];
    if (references.length === 0 || variable.defs.length !== 1) return;
    const uses = references.map((/** @type {any} */ { identifier }) => useOf(identifier, kind));
    const asValue = uses.every((/** @type {Use} */ use) => use === "value" || use === "asked");
    if (!asValue || !uses.includes("value") || kinds.of(parent.id) !== kind) return;
    context.report({
      node,
      messageId: "neverDriven",
      data: { name: parent.id.name, call: callText(node) },
      suggest: drive(node, "other"),
    });
  }

  /** @param {Node} node @param {Operation} kind @returns {Use} */
  function useOf(node, kind) {
    let at = outermost(node);
    for (;;) {
      const { parent } = at;
      const isBranch = parent.type === "ConditionalExpression" && parent.test !== at;
      const isRight = parent.type === "LogicalExpression" && parent.right === at;
      const isLast = parent.type === "SequenceExpression" && parent.expressions.at(-1) === at;
      if (!isBranch && !isRight && !isLast) break;
      at = outermost(parent);
    }
    const { parent } = at;
    switch (parent.type) {
      case "ExpressionStatement":
      case "SequenceExpression":
        return "discarded";
      case "ForStatement":
        return parent.test === at ? truth(kind) : "discarded";
      case "UnaryExpression":
        if (parent.operator === "void") return "discarded";
        return parent.operator === "typeof" || parent.operator === "delete" ? "other" : truth(kind);
      case "YieldExpression":
        // Only a task may not: another generator's operations may be driven by the one who iterates over it.
        return !parent.delegate && isTask(enclosingFunction(parent)) ? "yielded" : "other";
      case "AwaitExpression":
        return "awaited";
      case "ReturnStatement":
        return isTasks(kind) && isTask(enclosingFunction(parent)) ? "returned" : "other";
      case "VariableDeclarator":
        if (parent.parent.kind === "using" || parent.parent.kind === "await using") return "using";
        return parent.id.type === "Identifier" ? "other" : truth(kind);
      case "MemberExpression":
        if (parent.object !== at || parent.computed || ITERATOR_METHODS.has(parent.property.name)) return "other";
        return truth(kind);
      case "TemplateLiteral":
        return parent.parent.type === "TaggedTemplateExpression" ? "other" : truth(kind);
      case "BinaryExpression":
        return IDENTITY.has(parent.operator) && node.type !== "CallExpression" ? "other" : comparison(parent, kind);
      case "AssignmentExpression":
        return NO_ARITHMETIC.has(parent.operator) ? "other" : truth(kind);
      case "CallExpression":
        return parent.callee !== at && looksAtValues(parent.callee) ? truth(kind) : "other";
      case "LogicalExpression":
      case "ConditionalExpression":
      case "IfStatement":
      case "WhileStatement":
      case "DoWhileStatement":
        // What may be missing may be asked for.
        return node.type === "CallExpression" && at.type !== "ChainExpression" ? truth(kind) : "asked";
      case "SwitchStatement":
        return truth(kind);
      default:
        return "other";
    }
  }

  /** Whether it is called with values to look at: nothing is driven there. @param {Node} callee */
  function looksAtValues(callee) {
    const name = callee.type === "MemberExpression" ? callee.object : callee;
    if (name.type !== "Identifier" || !LOOK_AT_VALUES.has(name.name)) return false;
    const definitions = kinds.variableOf(name)?.defs ?? [];
    return definitions.every((/** @type {any} */ { parent }) => TEST_RUNNERS.has(parent?.source?.value));
  }

  /** A generator that is no task's is a value like any other. @param {Operation} kind @returns {Use} */
  function truth(kind) {
    return isTasks(kind) ? "value" : "other";
  }

  /** @param {Node} binary @param {Operation} kind @returns {Use} */
  function comparison({ operator }, kind) {
    return operator === "instanceof" || operator === "in" ? "other" : truth(kind);
  }

  /** Whether it is a task's generator function. @param {Node | null} fn */
  function isTask(fn) {
    const kind = fn?.generator ? kinds.of(fn) : null;
    return isFunctionKind(kind) && isOperation(kind.returns) && isTasks(kind.returns);
  }

  /** The edit that puts `yield*` there, if it can stand there. @param {Node} node @param {Use} use */
  function drive(node, use) {
    const target = outermost(node);
    const { parent } = target;
    const inGenerator = enclosingFunction(node)?.generator === true;
    // What an optional call gives may be undefined, which nothing drives.
    if (!inGenerator || node.parent.type === "ChainExpression") return [];
    const isVoid = parent.type === "UnaryExpression" && use === "discarded";
    const replaces = isVoid || use === "yielded" || use === "awaited";
    const whole = replaces && parent.argument === target ? parent : target;
    const isArgument = whole.parent.arguments?.includes(whole);
    const isFree = isArgument || NEEDS_NO_PARENTHESES.has(whole.parent.type) || isParenthesized(whole);
    // Where a line before ends without a semicolon, a parenthesis would go on with it.
    if (!isFree && mayGoOn(whole)) return [];
    const text = `yield* ${sourceCode.getText(target)}`;
    return [suggestion("drive", {}, (fixer) => fixer.replaceText(whole, isFree ? text : `(${text})`))];
  }

  /** @param {Node} node */
  function mayGoOn(node) {
    const before = sourceCode.getTokenBefore(node);
    return before !== null && before.loc.end.line < node.loc.start.line && /[\w$)\]"'`]$/.test(before.value);
  }

  /**
   * How the function that a call names is passed: by itself where nothing is lost, which is `this` for a method.
   * @param {Node} node @returns {{ started: string, run: string }}
   */
  function startedBy(node) {
    const bound = `() => ${callText(node)}`;
    if (node.callee?.type !== "Identifier") return { started: bound, run: bound };
    const { name } = node.callee;
    return node.arguments.length === 0 ? { started: name, run: name } : { started: `${name}, …`, run: bound };
  }

  /** @param {Node} node */
  function isParenthesized(node) {
    return sourceCode.getTokenBefore(node)?.value === "(" && sourceCode.getTokenAfter(node)?.value === ")";
  }

  /** @param {Node} node @returns {string} the expression, short enough for a message */
  function textOf(node) {
    const text = sourceCode.getText(node).replaceAll(/\s+/g, " ");
    return text.length > 40 ? `${text.slice(0, 39)}…` : text;
  }

  /** `lock.acquire()`, `sleep(…)`. @param {Node} node @param {boolean} withArguments @returns {string} */
  function callText(node, withArguments = true) {
    if (node.type !== "CallExpression") return textOf(node);
    const whole = sourceCode.getText(node);
    if (withArguments && whole.length <= 30 && !whole.includes("\n")) return whole;
    return `${textOf(node.callee)}(${withArguments && node.arguments.length > 0 ? "…" : ""})`;
  }

  return { CallExpression: checkCall, Identifier: checkName };
}

/** @param {string} messageId @param {Record<string, string>} data @param {(fixer: any) => any} fix */
function suggestion(messageId, data, fix) {
  return { messageId, data, fix };
}

export const undriven = {
  meta: {
    type: "problem",
    docs: {
      description: "An operation that nobody drives, and a task function that is called where it belongs uncalled",
      recommended: true,
    },
    hasSuggestions: true,
    schema: [],
    messages,
  },
  create,
};
