/** What an expression can be, as far as it matters to the rule. */
import { CLASSES, PAGES } from "./vocabulary.js";

/**
 * @typedef {string | null | Kind[] | Operation | FunctionKind | Class | Namespace | Members | List} Kind
 *   A string is an instance of the library's class of that name; an array is a tuple; null is whatever does not matter,
 *   or is not known.
 * @typedef {{ gives: Kind, generator?: boolean, task?: () => boolean }} Operation
 *   Something to drive. `generator`: what a generator function of the program gives, which may be no task's; `task` says
 *   whether it is one.
 * @typedef {{ takes: Record<number, Slot>, parameters?: Kind[], returns: Kind, returnsArgument?: number }} FunctionKind
 *   `takes`: its parameters that are functions, by their index. `parameters`: what they all are, where that is written.
 *   `returnsArgument`: the index of the argument whose kind the result has.
 * @typedef {{ parameters: Kind[], passesArguments?: boolean, list?: boolean }} Slot
 *   A parameter that is a function, or a list of them; what the function is called with; and whether the arguments that
 *   follow are passed on to it.
 * @typedef {{ constructs: Kind, members?: (name: string) => Kind }} Class
 *   `members` are its static ones.
 * @typedef {{ page: string }} Namespace
 * @typedef {{ members: (name: string) => Kind }} Members
 *   An object, or an instance of a class, of the program's own.
 * @typedef {{ list: Kind }} List
 *   An array whose every element is of this kind.
 */

/** @param {Kind} kind @returns {kind is Operation} */
export const isOperation = (kind) => has(kind, "gives");

/** @param {Kind} kind @returns {kind is FunctionKind} */
export const isFunctionKind = (kind) => has(kind, "takes");

/** @param {Kind} kind @returns {kind is List} */
export const isList = (kind) => has(kind, "list");

/** What `new` makes of it. @param {Kind} kind @returns {Kind} */
export const constructedBy = (kind) => (has(kind, "constructs") ? /** @type {Class} */ (kind).constructs : null);

/** The entry point whose namespace it is. @param {Kind} kind @returns {string | null} */
export const pageIn = (kind) => (has(kind, "page") ? /** @type {Namespace} */ (kind).page : null);

/** @param {Kind} kind @param {string} key */
function has(kind, key) {
  return kind !== null && typeof kind === "object" && key in kind;
}

/** Whether what it is of is a task's for sure. @param {Operation} operation */
export function isTasks(operation) {
  return !operation.generator || operation.task?.() === true;
}

/** What a name of an entry point is as a type: an instance of the class. @param {string} page @param {string} name */
export function typeIn(page, name) {
  return own(PAGES[page], name);
}

/** What a name of an entry point is as a value: the class itself. @param {string} page @param {string} name @returns {Kind} */
export function valueIn(page, name) {
  const kind = own(PAGES[page], name);
  if (typeof kind === "string") return { constructs: kind };
  return isOperation(kind) ? null : kind;
}

/** @param {Kind} kind @param {string} name @returns {Kind} */
export function memberOf(kind, name) {
  if (typeof kind === "string") return own(CLASSES[kind], name);
  if (kind === null || Array.isArray(kind)) return null;
  if ("page" in kind) return valueIn(kind.page, name);
  return "members" in kind ? (kind.members?.(name) ?? null) : null;
}

/** @param {Kind} kind @param {number} index @returns {Kind} */
export function elementOf(kind, index) {
  if (isList(kind)) return kind.list;
  return Array.isArray(kind) ? (kind[index] ?? null) : null;
}

/** What is one or the other: known when both are alike, and an operation when both are one. @param {Kind} a @param {Kind} b */
export function either(a, b) {
  if (a === b) return a;
  return isOperation(a) && isOperation(b) ? { gives: null } : null;
}

/** @param {Record<string, Kind> | undefined} record @param {string} name @returns {Kind} */
function own(record, name) {
  return record !== undefined && Object.hasOwn(record, name) ? (record[name] ?? null) : null;
}
