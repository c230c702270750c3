/**
 * The numbers of the socket calls by their POSIX names, as this platform has them. A platform has a table to itself,
 * which the tests hold against the C compiler's headers. On a platform without one they are Linux's, so that importing
 * never fails; nothing there makes a call with them.
 *
 * They are typed `number`, not by their value, which differs. One that a platform lacks is -1 there.
 */
import { LINUX_SOCKET_CONSTANTS } from "./linux-socket-constants.ts";
import { WINDOWS_SOCKET_CONSTANTS } from "./windows-socket-constants.ts";

/** A platform's table. */
export type SocketConstants = Readonly<Record<keyof typeof LINUX_SOCKET_CONSTANTS, number>>;

const TABLES: { readonly [platform: string]: SocketConstants | undefined } = {
  linux: LINUX_SOCKET_CONSTANTS,
  win32: WINDOWS_SOCKET_CONSTANTS,
};

const TABLE: SocketConstants = TABLES[process.platform] ?? LINUX_SOCKET_CONSTANTS;

// Address families.
export const AF_UNSPEC: number = TABLE.AF_UNSPEC;
export const AF_UNIX: number = TABLE.AF_UNIX;
export const AF_INET: number = TABLE.AF_INET;
export const AF_INET6: number = TABLE.AF_INET6;

// Socket types, and the two flags that go with them on Linux (socket(2), accept4(2)).
export const SOCK_STREAM: number = TABLE.SOCK_STREAM;
export const SOCK_DGRAM: number = TABLE.SOCK_DGRAM;
export const SOCK_RAW: number = TABLE.SOCK_RAW;
export const SOCK_SEQPACKET: number = TABLE.SOCK_SEQPACKET;
export const SOCK_NONBLOCK: number = TABLE.SOCK_NONBLOCK;
export const SOCK_CLOEXEC: number = TABLE.SOCK_CLOEXEC;

// Flags of send(2).
export const MSG_NOSIGNAL: number = TABLE.MSG_NOSIGNAL;

// shutdown(2).
export const SHUT_RD: number = TABLE.SHUT_RD;
export const SHUT_WR: number = TABLE.SHUT_WR;
export const SHUT_RDWR: number = TABLE.SHUT_RDWR;

// The longest queue listen(2) asks for; the kernel lowers it to what it has (on Linux /proc/sys/net/core/somaxconn).
export const SOMAXCONN: number = TABLE.SOMAXCONN;

// Options of every socket.
export const SOL_SOCKET: number = TABLE.SOL_SOCKET;
export const SO_REUSEADDR: number = TABLE.SO_REUSEADDR;
export const SO_EXCLUSIVEADDRUSE: number = TABLE.SO_EXCLUSIVEADDRUSE;
export const SO_TYPE: number = TABLE.SO_TYPE;
export const SO_ERROR: number = TABLE.SO_ERROR;
export const SO_DONTROUTE: number = TABLE.SO_DONTROUTE;
export const SO_BROADCAST: number = TABLE.SO_BROADCAST;
export const SO_SNDBUF: number = TABLE.SO_SNDBUF;
export const SO_RCVBUF: number = TABLE.SO_RCVBUF;
export const SO_KEEPALIVE: number = TABLE.SO_KEEPALIVE;
export const SO_OOBINLINE: number = TABLE.SO_OOBINLINE;
export const SO_LINGER: number = TABLE.SO_LINGER;
export const SO_REUSEPORT: number = TABLE.SO_REUSEPORT;
export const SO_PASSCRED: number = TABLE.SO_PASSCRED;
export const SO_RCVLOWAT: number = TABLE.SO_RCVLOWAT;
export const SO_BINDTODEVICE: number = TABLE.SO_BINDTODEVICE;
export const SO_ACCEPTCONN: number = TABLE.SO_ACCEPTCONN;
export const SO_PROTOCOL: number = TABLE.SO_PROTOCOL;
export const SO_DOMAIN: number = TABLE.SO_DOMAIN;

// Protocols, which are also the levels of their options.
export const IPPROTO_IP: number = TABLE.IPPROTO_IP;
export const IPPROTO_ICMP: number = TABLE.IPPROTO_ICMP;
export const IPPROTO_TCP: number = TABLE.IPPROTO_TCP;
export const IPPROTO_UDP: number = TABLE.IPPROTO_UDP;
export const IPPROTO_IPV6: number = TABLE.IPPROTO_IPV6;
export const IPPROTO_ICMPV6: number = TABLE.IPPROTO_ICMPV6;

// Options of IPPROTO_IP.
export const IP_TOS: number = TABLE.IP_TOS;
export const IP_TTL: number = TABLE.IP_TTL;
export const IP_MULTICAST_IF: number = TABLE.IP_MULTICAST_IF;
export const IP_MULTICAST_TTL: number = TABLE.IP_MULTICAST_TTL;
export const IP_MULTICAST_LOOP: number = TABLE.IP_MULTICAST_LOOP;
export const IP_ADD_MEMBERSHIP: number = TABLE.IP_ADD_MEMBERSHIP;
export const IP_DROP_MEMBERSHIP: number = TABLE.IP_DROP_MEMBERSHIP;

// Options of IPPROTO_IPV6.
export const IPV6_UNICAST_HOPS: number = TABLE.IPV6_UNICAST_HOPS;
export const IPV6_MULTICAST_IF: number = TABLE.IPV6_MULTICAST_IF;
export const IPV6_MULTICAST_HOPS: number = TABLE.IPV6_MULTICAST_HOPS;
export const IPV6_MULTICAST_LOOP: number = TABLE.IPV6_MULTICAST_LOOP;
export const IPV6_JOIN_GROUP: number = TABLE.IPV6_JOIN_GROUP;
export const IPV6_LEAVE_GROUP: number = TABLE.IPV6_LEAVE_GROUP;
export const IPV6_V6ONLY: number = TABLE.IPV6_V6ONLY;

// Options of IPPROTO_TCP.
export const TCP_NODELAY: number = TABLE.TCP_NODELAY;
export const TCP_MAXSEG: number = TABLE.TCP_MAXSEG;
export const TCP_CORK: number = TABLE.TCP_CORK;
export const TCP_KEEPIDLE: number = TABLE.TCP_KEEPIDLE;
export const TCP_KEEPINTVL: number = TABLE.TCP_KEEPINTVL;
export const TCP_KEEPCNT: number = TABLE.TCP_KEEPCNT;
export const TCP_DEFER_ACCEPT: number = TABLE.TCP_DEFER_ACCEPT;
export const TCP_QUICKACK: number = TABLE.TCP_QUICKACK;
export const TCP_USER_TIMEOUT: number = TABLE.TCP_USER_TIMEOUT;
export const TCP_FASTOPEN: number = TABLE.TCP_FASTOPEN;
export const TCP_NOTSENT_LOWAT: number = TABLE.TCP_NOTSENT_LOWAT;
