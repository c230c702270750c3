/**
 * The socket address structures, each described once as data (Linux: no `sa_len`), and what reads and writes them.
 * Addresses are bytes and numbers here; their text is `src/net/ip-address.ts`'s.
 */
import { AF_INET, AF_INET6, AF_UNIX } from "./socket-constants.ts";
import type { Struct, StructField } from "./struct.ts";

/** ip(7) */
export const SOCKADDR_IN: Struct<"sin_family" | "sin_port" | "sin_addr"> = {
  tag: "sockaddr_in",
  size: 16,
  fields: {
    sin_family: { offset: 0, size: 2 },
    sin_port: { offset: 2, size: 2, order: "network" },
    sin_addr: { offset: 4, size: 4 },
  },
};

/** ipv6(7) */
export const SOCKADDR_IN6: Struct<"sin6_family" | "sin6_port" | "sin6_flowinfo" | "sin6_addr" | "sin6_scope_id"> = {
  tag: "sockaddr_in6",
  size: 28,
  fields: {
    sin6_family: { offset: 0, size: 2 },
    sin6_port: { offset: 2, size: 2, order: "network" },
    sin6_flowinfo: { offset: 4, size: 4, order: "network" },
    sin6_addr: { offset: 8, size: 16 },
    sin6_scope_id: { offset: 24, size: 4 },
  },
};

/** unix(7) */
export const SOCKADDR_UN: Struct<"sun_family" | "sun_path"> = {
  tag: "sockaddr_un",
  size: 110,
  fields: {
    sun_family: { offset: 0, size: 2 },
    sun_path: { offset: 2, size: 108 },
  },
};

/** Room for an address of any family: `sizeof(struct sockaddr_storage)`. */
export const SOCKADDR_STORAGE_SIZE: number = 128;

const IN = SOCKADDR_IN.fields;
const IN6 = SOCKADDR_IN6.fields;
const UN = SOCKADDR_UN.fields;

/**
 * Where the kernel puts an address: `bytes` and `length` go to it as `sockaddr *` and `socklen_t *`. Both lie in explicit
 * ArrayBuffers, so that their memory never moves.
 */
export class SockaddrStorage {
  readonly bytes: Uint8Array = new Uint8Array(new ArrayBuffer(SOCKADDR_STORAGE_SIZE));
  readonly length: Int32Array = new Int32Array(new ArrayBuffer(4));
  readonly #view: DataView = new DataView(this.bytes.buffer);

  /** Empties it for the next call. */
  reset(): void {
    this.length[0] = SOCKADDR_STORAGE_SIZE;
    this.#view.setUint16(IN.sin_family.offset, 0, true);
  }

  /** The address family, or 0 (AF_UNSPEC) when the kernel gave no address. */
  get family(): number {
    return this.length[0]! < IN.sin_family.size ? 0 : readNumber(this.#view, IN.sin_family);
  }

  /** The port of a `sockaddr_in` or `sockaddr_in6`: both have it in the same place. */
  get port(): number {
    return readNumber(this.#view, IN.sin_port);
  }

  /** The four bytes of a `sockaddr_in`, first part first: a view, good until the next call. */
  get ipv4(): Uint8Array {
    return this.bytes.subarray(IN.sin_addr.offset, IN.sin_addr.offset + IN.sin_addr.size);
  }

  /** The sixteen bytes of a `sockaddr_in6`: a view, good until the next call. */
  get ipv6(): Uint8Array {
    return this.bytes.subarray(IN6.sin6_addr.offset, IN6.sin6_addr.offset + IN6.sin6_addr.size);
  }

  /** The interface a `sockaddr_in6` of link-local scope belongs to; 0 for the others. */
  get scopeId(): number {
    return readNumber(this.#view, IN6.sin6_scope_id);
  }

  /**
   * The name in a `sockaddr_un`: a view, good until the next call. Empty for an unnamed socket; an abstract name begins
   * with a zero byte and ends where the kernel says; a path ends at its first zero byte, or where the kernel says when
   * it fills the member (unix(7), BUGS: the length may then be one more than the structure holds).
   */
  get unixPath(): Uint8Array {
    const end = Math.min(this.length[0]!, SOCKADDR_UN.size);
    const path = this.bytes.subarray(UN.sun_path.offset, Math.max(end, UN.sun_path.offset));
    if (path.length === 0 || path[0] === 0) return path;
    const zero = path.indexOf(0);
    return zero < 0 ? path : path.subarray(0, zero);
  }
}

/** A `struct sockaddr_in` from a port and the address's four bytes. */
export function encodeSockaddrIn(port: number, address: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(SOCKADDR_IN.size));
  const view = new DataView(bytes.buffer);
  writeNumber(view, IN.sin_family, AF_INET);
  writeNumber(view, IN.sin_port, port);
  bytes.set(address, IN.sin_addr.offset);
  return bytes;
}

/** A `struct sockaddr_in6` from a port, the address's sixteen bytes and an interface's index (0: none). */
export function encodeSockaddrIn6(port: number, address: Uint8Array, scopeId: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(SOCKADDR_IN6.size));
  const view = new DataView(bytes.buffer);
  writeNumber(view, IN6.sin6_family, AF_INET6);
  writeNumber(view, IN6.sin6_port, port);
  bytes.set(address, IN6.sin6_addr.offset);
  writeNumber(view, IN6.sin6_scope_id, scopeId);
  return bytes;
}

/**
 * A `struct sockaddr_un` as long as unix(7) wants it: a path with the zero byte that ends it, an abstract name exactly,
 * the empty name (which makes bind(2) choose one) as the family alone. The caller has judged the name's length.
 */
export function encodeSockaddrUn(name: Uint8Array): Uint8Array {
  const ending = name.length === 0 || name[0] === 0 ? 0 : 1;
  const bytes = new Uint8Array(new ArrayBuffer(UN.sun_path.offset + name.length + ending));
  writeNumber(new DataView(bytes.buffer), UN.sun_family, AF_UNIX);
  bytes.set(name, UN.sun_path.offset);
  return bytes;
}

function readNumber(view: DataView, field: StructField): number {
  const littleEndian = field.order !== "network";
  return field.size === 2 ? view.getUint16(field.offset, littleEndian) : view.getUint32(field.offset, littleEndian);
}

function writeNumber(view: DataView, field: StructField, value: number): void {
  const littleEndian = field.order !== "network";
  if (field.size === 2) view.setUint16(field.offset, value, littleEndian);
  else view.setUint32(field.offset, value, littleEndian);
}
