import type { SocketConstants } from "./socket-constants.ts";

/**
 * `<winsock2.h>` and `<ws2tcpip.h>` of Windows. What shutdown takes is called `SD_RECEIVE`, `SD_SEND` and `SD_BOTH` there.
 * Options with the number of a POSIX option may mean something else all the same: SO_REUSEADDR lets a socket take an
 * address from under another one that is listening there, and SO_EXCLUSIVEADDRUSE is what forbids that.
 */
export const WINDOWS_SOCKET_CONSTANTS: SocketConstants = {
  // Address families.
  AF_UNSPEC: 0,
  AF_UNIX: 1,
  AF_INET: 2,
  AF_INET6: 23,
  // Socket types.
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  SOCK_RAW: 3,
  SOCK_SEQPACKET: 5,
  SOCK_NONBLOCK: -1,
  SOCK_CLOEXEC: -1,
  MSG_NOSIGNAL: -1,
  // shutdown.
  SHUT_RD: 0,
  SHUT_WR: 1,
  SHUT_RDWR: 2,
  // The longest queue listen asks for.
  SOMAXCONN: 0x7fffffff,
  // Options of every socket.
  SOL_SOCKET: 0xffff,
  SO_REUSEADDR: 4,
  SO_EXCLUSIVEADDRUSE: 0xfffffffb,
  SO_TYPE: 0x1008,
  SO_ERROR: 0x1007,
  SO_DONTROUTE: 0x10,
  SO_BROADCAST: 0x20,
  SO_SNDBUF: 0x1001,
  SO_RCVBUF: 0x1002,
  SO_KEEPALIVE: 8,
  SO_OOBINLINE: 0x100,
  SO_LINGER: 0x80,
  SO_REUSEPORT: -1,
  SO_PASSCRED: -1,
  SO_RCVLOWAT: 0x1004,
  SO_BINDTODEVICE: -1,
  SO_ACCEPTCONN: 2,
  SO_PROTOCOL: -1,
  SO_DOMAIN: -1,
  // Protocols, which are also the levels of their options.
  IPPROTO_IP: 0,
  IPPROTO_ICMP: 1,
  IPPROTO_TCP: 6,
  IPPROTO_UDP: 17,
  IPPROTO_IPV6: 41,
  IPPROTO_ICMPV6: 58,
  // Options of IPPROTO_IP.
  IP_TOS: 3,
  IP_TTL: 4,
  IP_MULTICAST_IF: 9,
  IP_MULTICAST_TTL: 10,
  IP_MULTICAST_LOOP: 11,
  IP_ADD_MEMBERSHIP: 12,
  IP_DROP_MEMBERSHIP: 13,
  // Options of IPPROTO_IPV6.
  IPV6_UNICAST_HOPS: 4,
  IPV6_MULTICAST_IF: 9,
  IPV6_MULTICAST_HOPS: 10,
  IPV6_MULTICAST_LOOP: 11,
  IPV6_JOIN_GROUP: 12,
  IPV6_LEAVE_GROUP: 13,
  IPV6_V6ONLY: 27,
  // Options of IPPROTO_TCP.
  TCP_NODELAY: 1,
  TCP_MAXSEG: 4,
  TCP_CORK: -1,
  TCP_KEEPIDLE: 3,
  TCP_KEEPINTVL: 17,
  TCP_KEEPCNT: 16,
  TCP_DEFER_ACCEPT: -1,
  TCP_QUICKACK: -1,
  TCP_USER_TIMEOUT: -1,
  TCP_FASTOPEN: 15,
  TCP_NOTSENT_LOWAT: -1,
};
