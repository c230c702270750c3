/**
 * A TCP echo over loopback: what passes from before a client sends a message until the last byte of its echo is back.
 *
 * Each server is a process of its own, and one client drives them all in turn (`echo/client.ts`), which sees that all
 * that was sent comes back as it was. Where many connections send back to back, most of a latency is waiting for the
 * others' turns; with pauses, server and client have gone to sleep before each round.
 */
import { EchoServers, FLOOR, RIVAL, backToBack, withPauses } from "./echo/contestants.ts";
import { scenario } from "./harness/scenario.ts";

const servers = new EchoServers([...backToBack, ...withPauses], ({ latencies }) => latencies);

await scenario({
  name: "echo-latency",
  title: "a TCP echo's round trip",
  unit: "µs",
  processes: "shared",
  rival: RIVAL,
  floor: FLOOR,
  cases: servers.cases,
});
await servers.end();
