/**
 * What an expression is. There are no types when a linter runs, so it follows names: imports, `const`s and what they are
 * initialised with, annotations, parameters of bodies, fields of classes. Of whatever it is not sure, it knows nothing.
 */
import {
  constructedBy,
  either,
  elementOf,
  isFunctionKind,
  isOperation,
  isTasks,
  memberOf,
  pageIn,
  typeIn,
  valueIn,
} from "./kind.js";
import { exportOf, pageOf } from "./modules.js";
import {
  classOfThis,
  contains,
  isFunction,
  isReassigned,
  isSpread,
  keyName,
  nodesIn,
  outermost,
  propertyName,
} from "./syntax.js";

/** @import { Class, Kind, Members, Slot } from "./kind.js" */
/** @import { Node } from "./syntax.js" */

/** How far a chain of names is followed. */
const DEPTH_LIMIT = 50;

export class Inference {
  #sourceCode;
  #file;
  /** @type {Map<Node, Kind>} */
  #known = new Map();
  #depth = 0;

  /** @param {{ sourceCode: any, filename: string }} context */
  constructor({ sourceCode, filename }) {
    this.#sourceCode = sourceCode;
    this.#file = filename;
  }

  /** @param {Node} node an expression @returns {Kind} */
  of(node) {
    return this.#once(node, () => this.#ofExpression(node));
  }

  /** Follows no circle, and each node once. @param {Node} node @param {() => Kind} find @returns {Kind} */
  #once(node, find) {
    if (node === null || node === undefined || this.#depth >= DEPTH_LIMIT) return null;
    const known = this.#known.get(node);
    if (known !== undefined) return known;
    this.#known.set(node, null);
    this.#depth++;
    try {
      const kind = find();
      this.#known.set(node, kind);
      return kind;
    } finally {
      this.#depth--;
    }
  }

  /** @param {Node} node @returns {Kind} */
  #ofExpression(node) {
    switch (node.type) {
      case "Identifier":
        return this.#ofName(node);
      case "CallExpression":
        return this.#ofCall(node);
      case "NewExpression":
        return constructedBy(this.of(node.callee));
      case "MemberExpression": {
        const name = propertyName(node);
        return name === null ? null : memberOf(this.of(node.object), name);
      }
      case "ThisExpression": {
        const owner = classOfThis(node);
        return owner === null ? null : this.#instanceOf(owner);
      }
      case "AwaitExpression":
        return this.#ofAwaited(node.argument);
      case "YieldExpression": {
        const kind = node.delegate ? this.of(node.argument) : null;
        return isOperation(kind) ? kind.gives : null;
      }
      case "ChainExpression":
      case "TSNonNullExpression":
      case "TSSatisfiesExpression":
      case "ParenthesizedExpression":
        return this.of(node.expression);
      case "TSAsExpression":
      case "TSTypeAssertion":
        return node.typeAnnotation.typeName?.name === "const"
          ? this.of(node.expression)
          : this.ofType(node.typeAnnotation);
      case "ConditionalExpression":
        return either(this.of(node.consequent), this.of(node.alternate));
      case "LogicalExpression":
        return node.operator === "&&" ? this.of(node.right) : either(this.of(node.left), this.of(node.right));
      case "SequenceExpression":
        return this.of(node.expressions.at(-1));
      case "ArrayExpression":
        return node.elements.some(isSpread) ? null : node.elements.map((/** @type {Node} */ each) => this.of(each));
      case "ObjectExpression":
        return { members: (name) => this.#ofProperty(node, name) };
      case "ClassExpression":
        return this.#classOf(node);
      default:
        return isFunction(node) ? this.ofFunction(node) : null;
    }
  }

  /** @param {Node} node a call @returns {Kind} */
  #ofCall(node) {
    const callee = this.of(node.callee);
    if (isFunctionKind(callee)) {
      return callee.returnsArgument === undefined ? callee.returns : this.of(node.arguments[callee.returnsArgument]);
    }
    if (node.callee.name === "require" && !this.variableOf(node.callee)?.defs.length) {
      return this.#ofModule(node.arguments[0]?.value);
    }
    // An array's map() with a function that gives operations makes an array of operations.
    if (node.callee.type === "MemberExpression" && propertyName(node.callee) === "map" && node.arguments.length === 1) {
      const fn = this.of(node.arguments[0]);
      if (isFunctionKind(fn) && isOperation(fn.returns)) return { list: fn.returns };
    }
    return null;
  }

  /** @param {Node} argument @returns {Kind} */
  #ofAwaited(argument) {
    return argument.type === "ImportExpression" ? this.#ofModule(argument.source.value) : null;
  }

  /** The namespace of a module. @param {unknown} specifier @returns {Kind} */
  #ofModule(specifier) {
    if (typeof specifier !== "string") return null;
    const page = pageOf(specifier, this.#file);
    return page === null ? { members: (name) => exportOf(specifier, name, this.#file) } : { page };
  }

  /** What calling a function of this file gives. @param {Node} node @returns {Kind} */
  ofFunction(node) {
    const annotated = this.ofType(node.returnType?.typeAnnotation);
    const gives = isOperation(annotated) ? annotated.gives : null;
    const takes = this.#taken(node.params);
    if (node.generator) {
      /** @type {boolean | undefined} */
      let known;
      const task = () => {
        if (known !== undefined) return known;
        known = false; // for a function that calls itself
        return (known = isOperation(annotated) || this.#isBody(node) || this.#drives(node));
      };
      return { takes, returns: { gives, generator: true, task } };
    }
    if (node.async || !node.body) return { takes, returns: null };
    return { takes, returns: node.returnType ? annotated : this.#returnedBy(node) };
  }

  /** The parameters that are annotated as functions that give operations. @param {Node[]} parameters */
  #taken(parameters) {
    /** @type {Record<number, Slot>} */
    const takes = {};
    for (const [index, parameter] of parameters.entries()) {
      const { typeAnnotation } = parameter.type === "AssignmentPattern" ? parameter.left : parameter;
      const kind = parameter.type === "RestElement" ? null : this.ofType(typeAnnotation?.typeAnnotation);
      if (!isFunctionKind(kind) || !isOperation(kind.returns)) continue;
      takes[index] = { parameters: kind.parameters ?? [] };
    }
    return takes;
  }

  /** @param {Node} fn no generator, not async, not annotated @returns {Kind} */
  #returnedBy(fn) {
    if (fn.body.type !== "BlockStatement") return this.of(fn.body);
    const returns = nodesIn(fn.body, this.#sourceCode.visitorKeys).filter((node) => node.type === "ReturnStatement");
    const kinds = returns.map(({ argument }) => (argument ? this.of(argument) : null));
    // One that may come to its end without a return gives nothing there.
    if (fn.body.body.at(-1)?.type !== "ReturnStatement") return null;
    // A generator that is no task's may have been set going before it was returned.
    if (kinds.length === 1) return ofTasks(kinds[0] ?? null);
    return kinds.length > 1 && kinds.every(isOperation) ? { gives: null } : null;
  }

  /** Whether the generator function drives an operation: a generator that does is a task's. @param {Node} fn */
  #drives(fn) {
    return nodesIn(fn.body, this.#sourceCode.visitorKeys).some((node) => {
      const kind = node.type === "YieldExpression" && node.delegate ? this.of(node.argument) : null;
      return isOperation(kind) && isTasks(kind);
    });
  }

  /** Whether it stands where the library takes a function, itself or by its name. @param {Node} fn */
  #isBody(fn) {
    if (this.slotOf(fn) !== null) return true;
    const name =
      fn.type === "FunctionDeclaration" ? fn.id : fn.parent.type === "VariableDeclarator" ? fn.parent.id : null;
    const references = name?.type === "Identifier" ? (this.variableOf(name)?.references ?? []) : [];
    return references.some((/** @type {any} */ { identifier }) => this.slotOf(identifier) !== null);
  }

  /**
   * The place of an argument where the library takes a function, or a list of them.
   * @param {Node} node @returns {{ call: Node, index: number, slot: Slot } | null}
   */
  slotOf(node) {
    let argument = outermost(node);
    const inList = argument.parent.type === "ArrayExpression";
    if (inList) argument = outermost(argument.parent);
    const call = argument.parent;
    if (call.type !== "CallExpression" || argument === call.callee) return null;
    const index = call.arguments.indexOf(argument);
    if (call.arguments.slice(0, index).some(isSpread)) return null;
    const callee = this.of(call.callee);
    const slot = isFunctionKind(callee) ? callee.takes[index] : undefined;
    return slot !== undefined && (slot.list ?? false) === inList ? { call, index, slot } : null;
  }

  /** The variable that an identifier means. @param {Node} identifier @returns {any} */
  variableOf(identifier) {
    for (let scope = this.#sourceCode.getScope(identifier); scope !== null; scope = scope.upper) {
      const variable = scope.set.get(identifier.name);
      if (variable !== undefined) return variable;
    }
    return null;
  }

  /** @param {Node} identifier @returns {Kind} */
  #ofName(identifier) {
    const variable = this.variableOf(identifier);
    if (variable === null) return null;
    const definitions = variable.defs.filter((/** @type {any} */ d) => d.node.type !== "TSDeclareFunction");
    if (definitions.length !== 1) return null;
    const [definition] = definitions;
    const { node } = definition;
    switch (definition.type) {
      case "ImportBinding":
        return this.#ofImport(definition);
      case "Variable":
        return this.#ofPattern(node.id, definition.name, isReassigned(variable) ? null : () => this.of(node.init));
      case "Parameter": {
        const index = node.params.findIndex((/** @type {Node} */ parameter) => contains(parameter, definition.name));
        const pattern = node.params[index];
        if (pattern === undefined) return null;
        return this.#ofPattern(
          pattern,
          definition.name,
          isReassigned(variable) ? null : () => this.#given(node, index),
        );
      }
      case "FunctionName":
        return isReassigned(variable) || !isFunction(node) ? null : this.of(node);
      case "ClassName":
        return this.#classOf(node);
      default:
        return null;
    }
  }

  /** @param {any} definition of an imported name @returns {Kind} */
  #ofImport({ node, parent }) {
    const specifier = parent?.source?.value;
    if (specifier === undefined) return null; // `import x = require("x")`
    if (node.type === "ImportNamespaceSpecifier") return this.#ofModule(specifier);
    const page = pageOf(specifier, this.#file);
    const name = node.type === "ImportDefaultSpecifier" ? "default" : (node.imported.name ?? node.imported.value);
    return page === null ? exportOf(specifier, name, this.#file) : valueIn(page, name);
  }

  /**
   * What a function that stands where the library takes one is called with.
   * @param {Node} fn @param {number} index @returns {Kind}
   */
  #given(fn, index) {
    const place = this.slotOf(fn);
    if (place === null) return null;
    const { call, slot } = place;
    const callee = this.of(call.callee);
    // What named("name", fn) gives is called with what it passes on.
    if (isFunctionKind(callee) && callee.returnsArgument === place.index) return this.#given(call, index);
    if (index < slot.parameters.length) return slot.parameters[index] ?? null;
    if (!slot.passesArguments) return null;
    const passed = call.arguments.slice(place.index + 1, place.index + 2 + index);
    return passed.some(isSpread) ? null : this.of(passed[index]);
  }

  /**
   * What a name is that a pattern binds: by the annotation that stands nearest to it, or by the value that is taken apart.
   * @param {Node} pattern @param {Node} name @param {(() => Kind) | null} value null when it may be another @returns {Kind}
   */
  #ofPattern(pattern, name, value) {
    const annotation = pattern.typeAnnotation?.typeAnnotation;
    const whole = annotation ? () => this.ofType(annotation) : value;
    switch (pattern.type) {
      case "Identifier":
        return pattern === name && whole !== null ? whole() : null;
      case "TSParameterProperty":
        return this.#ofPattern(pattern.parameter, name, value);
      case "AssignmentPattern":
        return this.#ofPattern(pattern.left, name, whole && (() => whole() ?? this.of(pattern.right)));
      case "ArrayPattern": {
        const index = pattern.elements.findIndex((/** @type {Node} */ e) => e !== null && contains(e, name));
        const element = pattern.elements[index];
        if (element === undefined || element.type === "RestElement") return null;
        return this.#ofPattern(element, name, whole && (() => elementOf(whole(), index)));
      }
      case "ObjectPattern": {
        const property = pattern.properties.find((/** @type {Node} */ p) => contains(p, name));
        if (property?.type !== "Property") return null;
        const key = keyName(property);
        return this.#ofPattern(property.value, name, key === null ? null : whole && (() => memberOf(whole(), key)));
      }
      default:
        return null;
    }
  }

  /** @param {Node} object an object expression @param {string} name @returns {Kind} */
  #ofProperty(object, name) {
    const properties = object.properties.filter(
      (/** @type {Node} */ p) => p.type === "Property" && keyName(p) === name,
    );
    // An object may be handed to what makes something else of its generators.
    return properties.length === 1 && properties[0].kind === "init" ? tasksOnly(this.of(properties[0].value)) : null;
  }

  /** A class of this file. @param {Node} node @returns {Class} */
  #classOf(node) {
    return { constructs: this.#instanceOf(node), members: (name) => this.#memberOf(node, name, true) ?? null };
  }

  /** An instance of a class of this file. @param {Node} node @returns {Members} */
  #instanceOf(node) {
    return {
      members: (name) => {
        const member = this.#memberOf(node, name, false);
        return member === undefined ? (this.#ofParameterProperty(node, name) ?? this.#inherited(node, name)) : member;
      },
    };
  }

  /** @param {Node} node a class @param {string} name @param {boolean} isStatic @returns {Kind | undefined} none: not there */
  #memberOf(node, name, isStatic) {
    const found = node.body.body.filter(
      (/** @type {Node} */ m) => Boolean(m.static) === isStatic && keyName(m) === name,
    );
    const members = found.filter((/** @type {Node} */ m) => m.value?.type !== "TSEmptyBodyFunctionExpression");
    if (members.length === 0) return undefined;
    return members.length === 1 ? this.#ofMember(members[0], node) : null;
  }

  /** @param {Node} member @param {Node} owner @returns {Kind} */
  #ofMember(member, owner) {
    // What a decorator makes of it, nobody knows.
    if (member.decorators?.length > 0) return null;
    if (member.type === "MethodDefinition") {
      // A constructor that hands `this` on may make something else of a generator, too, as MobX does.
      if (member.kind === "method")
        return this.#handsOn(owner) ? tasksOnly(this.of(member.value)) : this.of(member.value);
      return member.kind === "get" ? this.ofType(member.value.returnType?.typeAnnotation) : null;
    }
    if (member.type !== "PropertyDefinition" && member.type !== "AccessorProperty") return null;
    const annotation = member.typeAnnotation?.typeAnnotation;
    return annotation ? this.ofType(annotation) : this.of(member.value);
  }

  /** Whether the constructor calls something with `this`. @param {Node} owner a class @returns {boolean} */
  #handsOn(owner) {
    const constructor = owner.body.body.find((/** @type {Node} */ member) => member.kind === "constructor");
    const nodes = constructor?.value.body ? nodesIn(constructor.value.body, this.#sourceCode.visitorKeys) : [];
    return nodes.some((node) => node.arguments?.some((/** @type {Node} */ each) => each.type === "ThisExpression"));
  }

  /** `constructor(private readonly lock: Lock)`. @param {Node} node a class @param {string} name @returns {Kind} */
  #ofParameterProperty(node, name) {
    const constructor = node.body.body.find((/** @type {Node} */ member) => member.kind === "constructor");
    for (const parameter of constructor?.value.params ?? []) {
      if (parameter.type !== "TSParameterProperty") continue;
      const inner = parameter.parameter.type === "AssignmentPattern" ? parameter.parameter.left : parameter.parameter;
      if (inner.name === name) return this.ofType(inner.typeAnnotation?.typeAnnotation);
    }
    return null;
  }

  /** @param {Node} node a class @param {string} name @returns {Kind} */
  #inherited(node, name) {
    return node.superClass ? memberOf(constructedBy(this.of(node.superClass)), name) : null;
  }

  /** @param {Node} type an annotation @returns {Kind} */
  ofType(type) {
    return this.#once(type, () => this.#ofAnnotation(type));
  }

  /** @param {Node} type @returns {Kind} */
  #ofAnnotation(type) {
    switch (type.type) {
      case "TSTypeReference":
        return this.#ofTypeName(type);
      case "TSUnionType": {
        // Where a method of it is called, what may be undefined is not.
        const present = type.types.filter(
          (/** @type {Node} */ t) => t.type !== "TSNullKeyword" && t.type !== "TSUndefinedKeyword",
        );
        const kinds = present.map((/** @type {Node} */ t) => this.ofType(t));
        if (kinds.length === 1) return kinds[0];
        return kinds.length > 1 && kinds.every(isOperation) ? { gives: null } : null;
      }
      case "TSTupleType":
        return type.elementTypes.map((/** @type {Node} */ t) =>
          this.ofType(t.type === "TSNamedTupleMember" ? t.elementType : t),
        );
      case "TSTypeOperator":
        return type.operator === "readonly" ? this.ofType(type.typeAnnotation) : null;
      case "TSParenthesizedType":
        return this.ofType(type.typeAnnotation);
      case "TSFunctionType":
        return this.#ofSignatureOf(type);
      case "TSTypeLiteral":
        return { members: (name) => this.#ofSignature(type.members, name) };
      default:
        return null;
    }
  }

  /** @param {Node} reference @returns {Kind} */
  #ofTypeName({ typeName, typeArguments, typeParameters }) {
    const [first] = (typeArguments ?? typeParameters)?.params ?? [];
    if (typeName.type === "TSQualifiedName") {
      const page = typeName.left.type === "Identifier" ? pageIn(this.of(typeName.left)) : null;
      return page === null ? null : this.#withArgument(typeIn(page, typeName.right.name), first);
    }
    if (typeName.type !== "Identifier") return null;
    const variable = this.variableOf(typeName);
    if (variable === null || variable.defs.length !== 1) return null;
    const [{ type, node, parent }] = variable.defs;
    if (type === "ImportBinding" && node.type === "ImportSpecifier") {
      const specifier = parent.source.value;
      const page = pageOf(specifier, this.#file);
      if (page === null) return constructedBy(exportOf(specifier, node.imported.name, this.#file));
      return this.#withArgument(typeIn(page, node.imported.name), first);
    }
    if (type === "ClassName") return this.#instanceOf(node);
    if (node.type === "TSTypeAliasDeclaration") return this.ofType(node.typeAnnotation);
    if (node.type === "TSInterfaceDeclaration") return { members: (name) => this.#ofSignature(node.body.body, name) };
    return null;
  }

  /** `Operation<Lock>` gives a Lock. @param {Kind} kind @param {Node} argument @returns {Kind} */
  #withArgument(kind, argument) {
    return isOperation(kind) && argument ? { ...kind, gives: this.ofType(argument) } : kind;
  }

  /** @param {Node[]} signatures of an interface @param {string} name @returns {Kind} */
  #ofSignature(signatures, name) {
    const found = signatures.filter((signature) => keyName(signature) === name);
    const [signature] = found;
    if (found.length !== 1 || signature === undefined) return null;
    if (signature.type === "TSMethodSignature") {
      return this.#ofSignatureOf(signature);
    }
    return signature.type === "TSPropertySignature" ? this.ofType(signature.typeAnnotation?.typeAnnotation) : null;
  }

  /** @param {Node} signature of a function type or a method @returns {Kind} */
  #ofSignatureOf({ params, returnType }) {
    const parameters = params.map((/** @type {Node} */ each) => this.ofType(each.typeAnnotation?.typeAnnotation));
    return { takes: this.#taken(params), parameters, returns: this.ofType(returnType?.typeAnnotation) };
  }
}

/** A generator function, if it is a task's for sure; whatever else it is stays what it is. @param {Kind} kind @returns {Kind} */
function tasksOnly(kind) {
  return isFunctionKind(kind) && ofTasks(kind.returns) === null && kind.returns !== null ? null : kind;
}

/** The same of a generator itself. @param {Kind} kind @returns {Kind} */
function ofTasks(kind) {
  return isOperation(kind) && !isTasks(kind) ? null : kind;
}
