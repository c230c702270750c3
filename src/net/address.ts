/**
 * Socket addresses: what people write, what the kernel reads, and the judging in between.
 */
import {
  encodeSockaddrIn,
  encodeSockaddrIn6,
  encodeSockaddrUn,
  SOCKADDR_UN,
  type SockaddrStorage,
} from "../../ffi/sockaddr.ts";
import { AF_INET, AF_INET6, AF_UNIX } from "../../ffi/socket-constants.ts";
import { formatIPv4, formatIPv6, parseIPv4, parseIPv6 } from "./ip-address.ts";
import { describe, judgeWholeNumber } from "./judge.ts";

/**
 * Where an AF_INET or AF_INET6 socket is. `host` is a literal address of the socket's own family (`"127.0.0.1"`,
 * `"::1"`, `"0.0.0.0"` and `"::"` for every interface) or `"localhost"`, which is that family's loopback address. Names
 * are not looked up. A link-local IPv6 address says its interface by index: `"fe80::1%2"`.
 */
export interface InetAddress {
  readonly host: string;
  /** 0 to 65535; binding to 0 lets the kernel choose. */
  readonly port: number;
  readonly path?: undefined;
}

/**
 * Where an AF_UNIX socket is: a path in the file system (at most 107 bytes in UTF-8), a name in Linux's abstract
 * namespace, which begins with `"\0"` (at most 108 bytes with that), or `""` for a socket without a name. Binding to
 * `""` lets Linux choose an abstract name. A name from elsewhere that is not UTF-8 reads with U+FFFD in it.
 */
export interface UnixAddress {
  readonly path: string;
  readonly host?: undefined;
  readonly port?: undefined;
}

/** A socket's address: `{ host, port }` for AF_INET and AF_INET6, `{ path }` for AF_UNIX. */
export type Address = InetAddress | UnixAddress;

const HIGHEST_PORT = 65_535;
const HIGHEST_SCOPE_ID = 0xffff_ffff;

/** The families this library has addresses for. */
export function isKnownFamily(family: number): boolean {
  return family === AF_INET || family === AF_INET6 || family === AF_UNIX;
}

/** How messages call a family. */
export function familyName(family: number): string {
  return family === AF_INET ? "AF_INET" : family === AF_INET6 ? "AF_INET6" : "AF_UNIX";
}

/**
 * The structure the kernel reads for `address`.
 *
 * @param call the call it was given to, for messages: `"Socket.bind(address)"`
 * @throws TypeError when it has the wrong shape for the family; RangeError when a part of it is out of range
 */
export function encodeAddress(family: number, address: Address, call: string): Uint8Array {
  if (typeof address !== "object" || address === null) {
    throw new TypeError(`${call}: address must be ${expectedShape(family)}, not ${describe(address)}`);
  }
  if (family === AF_UNIX) {
    if (typeof address.path !== "string") throw wrongShape(family, address, call);
    return encodeSockaddrUn(unixName(address.path, call));
  }
  if (typeof address.host !== "string" || address.path !== undefined) throw wrongShape(family, address, call);
  const port = judgeWholeNumber(address.port, "port", 0, HIGHEST_PORT, call);
  return family === AF_INET ? encodeIPv4(address.host, port, call) : encodeIPv6(address.host, port, call);
}

/**
 * The address that the kernel put in `storage`. Where it put none (an unnamed AF_UNIX peer, the sender of what a
 * connected stream received) it is the family's empty one: `{ path: "" }`, or the unspecified host with port 0.
 */
export function decodeAddress(family: number, storage: SockaddrStorage): Address {
  const given = storage.family === family;
  if (family === AF_UNIX) return { path: given ? new TextDecoder().decode(storage.unixPath) : "" };
  if (family === AF_INET) {
    return given ? { host: formatIPv4(storage.ipv4), port: storage.port } : { host: "0.0.0.0", port: 0 };
  }
  if (!given) return { host: "::", port: 0 };
  const scopeId = storage.scopeId;
  const host = formatIPv6(storage.ipv6);
  return { host: scopeId === 0 ? host : `${host}%${scopeId}`, port: storage.port };
}

function encodeIPv4(host: string, port: number, call: string): Uint8Array {
  const bytes = parseIPv4(host === "localhost" ? "127.0.0.1" : host);
  if (bytes !== undefined) return encodeSockaddrIn(port, bytes);
  if (parseIPv6(host.split("%")[0]!) !== undefined) {
    throw new TypeError(
      `${call}: host ${describe(host)} is an IPv6 address, and this socket's family is AF_INET: ` +
        "make the socket with socket(AF_INET6)",
    );
  }
  throw notLiteral(host, AF_INET, call);
}

function encodeIPv6(host: string, port: number, call: string): Uint8Array {
  if (host === "localhost") return encodeSockaddrIn6(port, parseIPv6("::1")!, 0);
  const percent = host.indexOf("%");
  const bytes = parseIPv6(percent < 0 ? host : host.slice(0, percent));
  if (bytes !== undefined) {
    return encodeSockaddrIn6(port, bytes, percent < 0 ? 0 : judgeScopeId(host, host.slice(percent + 1), call));
  }
  if (parseIPv4(host) !== undefined) {
    throw new TypeError(
      `${call}: host ${describe(host)} is an IPv4 address, and this socket's family is AF_INET6: ` +
        `make the socket with socket(AF_INET), or write "::ffff:${host}" for a socket without IPV6_V6ONLY`,
    );
  }
  throw notLiteral(host, AF_INET6, call);
}

function notLiteral(host: string, family: number, call: string): RangeError {
  const example = family === AF_INET ? '"192.0.2.1"' : '"2001:db8::1"';
  return new RangeError(
    `${call}: host ${describe(host)} is no literal ${familyName(family)} address such as ${example}, nor "localhost"; ` +
      "names are not looked up here: resolve it first, with node:dns for example",
  );
}

function judgeScopeId(host: string, zone: string, call: string): number {
  const scopeId = /^[0-9]{1,10}$/.test(zone) ? Number(zone) : NaN;
  if (scopeId <= HIGHEST_SCOPE_ID) return scopeId;
  throw new RangeError(
    `${call}: host ${describe(host)} must give its interface by index, such as "fe80::1%2"; ` +
      "it is the scopeid that networkInterfaces() of node:os gives, and /sys/class/net/<name>/ifindex on Linux",
  );
}

function unixName(path: string, call: string): Uint8Array {
  const name = new TextEncoder().encode(path);
  const abstract = name[0] === 0;
  // An abstract name may fill the structure; a path leaves room for the zero byte that ends it.
  const longest = SOCKADDR_UN.fields.sun_path.size - (abstract ? 0 : 1);
  if (name.length > longest) {
    throw new RangeError(
      `${call}: path ${describe(path)} takes ${name.length} bytes, and the system allows ${longest}: ` +
        "use a shorter one, or one relative to the working directory",
    );
  }
  if (!abstract && name.includes(0)) {
    throw new RangeError(`${call}: path ${describe(path)} must not contain "\\0", except first, for an abstract name`);
  }
  return name;
}

function wrongShape(family: number, address: object, call: string): TypeError {
  return new TypeError(
    `${call}: an ${familyName(family)} socket's address is ${expectedShape(family)}, not ${describe(address)}`,
  );
}

function expectedShape(family: number): string {
  return family === AF_UNIX ? "{ path }" : "{ host, port }";
}
