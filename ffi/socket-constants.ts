/**
 * The numbers of `<sys/socket.h>`, `<netinet/in.h>` and `<netinet/tcp.h>` by their POSIX names, as Linux has them on
 * x86-64 and AArch64. They are typed `number`, not by their value: other systems number most of them differently.
 * `test/ffi/sockaddr.test.ts` holds every line against the C compiler's headers.
 */

// Address families.
export const AF_UNSPEC: number = 0;
export const AF_UNIX: number = 1;
export const AF_INET: number = 2;
export const AF_INET6: number = 10;

// Socket types, and the two flags that go with them (socket(2), accept4(2)).
export const SOCK_STREAM: number = 1;
export const SOCK_DGRAM: number = 2;
export const SOCK_RAW: number = 3;
export const SOCK_SEQPACKET: number = 5;
export const SOCK_NONBLOCK: number = 0x800;
export const SOCK_CLOEXEC: number = 0x80000;

// Flags of send(2).
export const MSG_NOSIGNAL: number = 0x4000;

// shutdown(2).
export const SHUT_RD: number = 0;
export const SHUT_WR: number = 1;
export const SHUT_RDWR: number = 2;

// The longest queue listen(2) asks for; the kernel lowers it to /proc/sys/net/core/somaxconn.
export const SOMAXCONN: number = 4096;

// Options of every socket: socket(7).
export const SOL_SOCKET: number = 1;
export const SO_REUSEADDR: number = 2;
export const SO_TYPE: number = 3;
export const SO_ERROR: number = 4;
export const SO_DONTROUTE: number = 5;
export const SO_BROADCAST: number = 6;
export const SO_SNDBUF: number = 7;
export const SO_RCVBUF: number = 8;
export const SO_KEEPALIVE: number = 9;
export const SO_OOBINLINE: number = 10;
export const SO_LINGER: number = 13;
export const SO_REUSEPORT: number = 15;
export const SO_PASSCRED: number = 16;
export const SO_RCVLOWAT: number = 18;
export const SO_BINDTODEVICE: number = 25;
export const SO_ACCEPTCONN: number = 30;
export const SO_PROTOCOL: number = 38;
export const SO_DOMAIN: number = 39;

// Protocols, which are also the levels of their options.
export const IPPROTO_IP: number = 0;
export const IPPROTO_ICMP: number = 1;
export const IPPROTO_TCP: number = 6;
export const IPPROTO_UDP: number = 17;
export const IPPROTO_IPV6: number = 41;
export const IPPROTO_ICMPV6: number = 58;

// Options of IPPROTO_IP: ip(7).
export const IP_TOS: number = 1;
export const IP_TTL: number = 2;
export const IP_MULTICAST_IF: number = 32;
export const IP_MULTICAST_TTL: number = 33;
export const IP_MULTICAST_LOOP: number = 34;
export const IP_ADD_MEMBERSHIP: number = 35;
export const IP_DROP_MEMBERSHIP: number = 36;

// Options of IPPROTO_IPV6: ipv6(7).
export const IPV6_UNICAST_HOPS: number = 16;
export const IPV6_MULTICAST_IF: number = 17;
export const IPV6_MULTICAST_HOPS: number = 18;
export const IPV6_MULTICAST_LOOP: number = 19;
export const IPV6_JOIN_GROUP: number = 20;
export const IPV6_LEAVE_GROUP: number = 21;
export const IPV6_V6ONLY: number = 26;

// Options of IPPROTO_TCP: tcp(7).
export const TCP_NODELAY: number = 1;
export const TCP_MAXSEG: number = 2;
export const TCP_CORK: number = 3;
export const TCP_KEEPIDLE: number = 4;
export const TCP_KEEPINTVL: number = 5;
export const TCP_KEEPCNT: number = 6;
export const TCP_DEFER_ACCEPT: number = 9;
export const TCP_QUICKACK: number = 12;
export const TCP_USER_TIMEOUT: number = 18;
export const TCP_FASTOPEN: number = 23;
export const TCP_NOTSENT_LOWAT: number = 25;
