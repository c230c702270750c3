/** The syntax tree, as ESTree and TypeScript's part of it have it. */

/**
 * @typedef {any} Node
 *   Linters differ in their types for it.
 */

const FUNCTIONS = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);

/** @param {Node} node */
export const isFunction = (node) => FUNCTIONS.has(node?.type);

const TRANSPARENT = new Set([
  "ChainExpression",
  "ParenthesizedExpression",
  "TSNonNullExpression",
  "TSSatisfiesExpression",
]);

/** Up through what changes nothing of a value. A cast is no such thing: whoever writes one means what stands there. @param {Node} node @returns {Node} */
export function outermost(node) {
  let at = node;
  while (TRANSPARENT.has(at.parent.type)) at = at.parent;
  return at;
}

/** The function whose body holds the node; null where none does, as in a field of a class. @param {Node} node @returns {Node | null} */
export function enclosingFunction(node) {
  for (let at = node.parent, below = node; at; below = at, at = at.parent) {
    if (isFunction(at)) return at.body === below ? at : null;
    if (at.type === "PropertyDefinition" || at.type === "AccessorProperty" || at.type === "StaticBlock") return null;
  }
  return null;
}

/** The class whose instance `this` is, in its methods and fields. @param {Node} node a `this` @returns {Node | null} */
export function classOfThis(node) {
  for (let at = node.parent, below = node; at; below = at, at = at.parent) {
    if (at.type === "ClassBody") return below.static || below.type === "StaticBlock" ? null : at.parent;
    const isMethod = at.parent?.type === "MethodDefinition" && at.parent.value === at;
    if (isFunction(at) && at.type !== "ArrowFunctionExpression" && !isMethod) return null;
  }
  return null;
}

/** What is in a function's body, without what is in the functions and classes in it. @param {Node} body @param {Record<string, readonly string[]>} visitorKeys @returns {Node[]} */
export function nodesIn(body, visitorKeys) {
  const nodes = [body];
  for (let at = 0; at < nodes.length; at++) {
    const node = nodes[at];
    if (isFunction(node) || node.type === "ClassBody") continue;
    for (const key of visitorKeys[node.type] ?? []) {
      const child = node[key];
      for (const each of Array.isArray(child) ? child : [child]) if (each) nodes.push(each);
    }
  }
  return nodes;
}

/** The name in `object.name`, `object.#name` or `object["name"]`. @param {Node} node @returns {string | null} */
export function propertyName({ computed, property }) {
  if (computed) return property.type === "Literal" && typeof property.value === "string" ? property.value : null;
  return property.type === "PrivateIdentifier" ? `#${property.name}` : property.name;
}

/** The name of a property, a method, a field or a signature. @param {Node} node @returns {string | null} */
export function keyName({ computed, key }) {
  if (!key) return null;
  if (!computed && key.type === "Literal") return String(key.value);
  return propertyName({ computed, property: key });
}

/** @param {Node} outer @param {Node} inner */
export function contains(outer, inner) {
  return outer.range[0] <= inner.range[0] && inner.range[1] <= outer.range[1];
}

/** @param {Node} node */
export function isSpread(node) {
  return node?.type === "SpreadElement";
}

/** Whether more than the declaration gives it a value. @param {any} variable */
export function isReassigned(variable) {
  return variable.references.some((/** @type {any} */ reference) => reference.isWrite() && !reference.init);
}
