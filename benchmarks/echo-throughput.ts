/**
 * A TCP echo over loopback: the bytes that come back in a second, where each connection sends its next message as soon as
 * the echo of the one before is there. Servers and client are those of `echo-latency.ts`; a sample is one stretch.
 */
import { EchoServers, FLOOR, RIVAL, backToBack } from "./echo/contestants.ts";
import { scenario } from "./harness/scenario.ts";

const MIB = 2 ** 20;

const servers = new EchoServers(backToBack, ({ bytes, elapsed }) => [bytes / MIB / (elapsed / 1_000)]);

await scenario({
  name: "echo-throughput",
  title: "a TCP echo's throughput, each way",
  unit: "MiB/s",
  processes: "shared",
  rival: RIVAL,
  floor: FLOOR,
  cases: servers.cases,
});
await servers.end();
