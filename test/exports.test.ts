/**
 * What each entry point exports: no more, and no less. A name that is added or goes is a decision, and shows here.
 * Types leave no trace at run time: those that are imported below are there, or the type checker complains.
 */
import { expect, test } from "bun:test";
import type {
  AsyncOperation,
  AsyncResource,
  CancelScopeOptions,
  CancelSource,
  CapacityLimiterStatistics,
  Clock,
  ConditionStatistics,
  Coroutine,
  ErrorMatcher,
  EventStatistics,
  GracefulCancel,
  GroupHandler,
  HalfCloseableStream,
  Held,
  Instrument,
  LockStatistics,
  MapOptions,
  MemoryChannelStatistics,
  NurseryOptions,
  Operation,
  ReceiveChannel,
  ReceiveStream,
  RunOptions,
  Selected,
  SemaphoreOptions,
  SemaphoreStatistics,
  SendChannel,
  SendStream,
  Stream,
  Task,
  TaskFunction,
  TaskStatus,
  TaskTreeOptions,
  TimeoutOptions,
  Trap,
  WatchdogOptions,
} from "../src/index.ts";
import type * as hazmat from "../src/hazmat.ts";
import type * as lowlevel from "../src/lowlevel.ts";
import type { Address, InetAddress, UnixAddress } from "../src/socket.ts";
import type * as testing from "../src/testing.ts";

/** The types each entry point has, so that none of them is unused. */
export type Types = {
  index: [
    AsyncOperation<void>,
    AsyncResource,
    CancelScopeOptions,
    CancelSource,
    CapacityLimiterStatistics,
    Clock,
    ConditionStatistics,
    Coroutine<void>,
    ErrorMatcher,
    EventStatistics,
    GracefulCancel,
    GroupHandler,
    HalfCloseableStream,
    Held,
    Instrument,
    LockStatistics,
    MapOptions,
    MemoryChannelStatistics,
    NurseryOptions,
    Operation<void>,
    ReceiveChannel<void>,
    ReceiveStream,
    RunOptions,
    Selected<[]>,
    SemaphoreOptions,
    SemaphoreStatistics,
    SendChannel<void>,
    SendStream,
    Stream,
    Task,
    TaskFunction<[], void>,
    TaskStatus,
    TaskTreeOptions,
    TimeoutOptions,
    Trap,
    WatchdogOptions,
  ];
  hazmat: [
    hazmat.AbortFunction,
    hazmat.AbortResult,
    hazmat.AsyncOperation<void>,
    hazmat.CallSoon,
    hazmat.Clock,
    hazmat.CompletionEvent,
    hazmat.Coroutine<void>,
    hazmat.Descriptor,
    hazmat.EventQueue<void>,
    hazmat.Handle,
    hazmat.Instrument,
    hazmat.IoManager,
    hazmat.IoStatistics,
    hazmat.Kevent,
    hazmat.Kqueue,
    hazmat.Operation<void>,
    hazmat.ParkingLotStatistics,
    hazmat.RunVarToken<void>,
    hazmat.Statistics,
    hazmat.TaskFunction<[], void>,
    hazmat.Trap,
    hazmat.WorkerHandle,
  ];
  lowlevel: [lowlevel.AbortFunction, lowlevel.CallSoon, lowlevel.Descriptor, lowlevel.Statistics, lowlevel.TrioToken];
  socket: [Address, InetAddress, UnixAddress];
  testing: [
    testing.CloseHook,
    testing.InRunOptions,
    testing.MemoryReceiveStreamHooks,
    testing.MemorySendStreamHooks,
    testing.MockClockOptions,
    testing.StreamHook,
    testing.StreamMaker<Stream, Stream>,
  ];
};

const LOWLEVEL_COMMON = `
  Abort ParkingLot Result RunVar Task
  addInstrument addParkingLotBreaker connectCallSoon
  currentClock currentIocp currentKqueue currentRootTask currentStatistics currentTask currentlyKiProtected
  disableKiProtection enableKiProtection
  monitorCompletionKey monitorKevent notifyClosing
  readIntoOverlapped registerWithIocp removeInstrument removeParkingLotBreaker reschedule spawnSystemTask
  waitForSingleObject waitKevent waitOverlapped waitReadable waitSocketReadable waitSocketWritable waitWritable
  writeOverlapped
`;

const NAMES = {
  index: `
    BrokenResourceError BusyResourceError Cancelled ClosedResourceError DeadlockError EndOfChannel ExceptionGroup
    KeyboardInterrupt RunFinishedError SystemError TooSlowError TrioInternalError UnsupportedError UsageError WouldBlock
    CancelScope Nursery TASK_STATUS_IGNORED
    abortable call currentEffectiveDeadline currentTime failAfter failAt fromPromise isCancelled moveOnAfter moveOnAt
    named openNursery run runSync sleep sleepForever sleepUntil
    CapacityLimiter Condition Event Lock Semaphore StrictFIFOLock openMemoryChannel select
    pumpFromStream pumpToStream toAsyncIterable toReadableStream toWritableStream
    all catchGroup map race stopRequested untilStopRequested
    TraceFile Watchdog taskTree
    StapledStream
  `,
  hazmat: `
    ${LOWLEVEL_COMMON}
    currentCallSoonThreadAndSignalSafe yieldBriefly yieldBrieflyNoCancel yieldIfCancelled yieldIndefinitely
  `,
  lowlevel: `
    ${LOWLEVEL_COMMON}
    cancelShieldedCheckpoint checkpoint checkpointIfCancelled currentTrioToken waitTaskRescheduled
  `,
  socket: `
    Socket socket socketpair
    AF_INET AF_INET6 AF_UNIX
    IPPROTO_ICMP IPPROTO_ICMPV6 IPPROTO_IP IPPROTO_IPV6 IPPROTO_TCP IPPROTO_UDP
    IPV6_JOIN_GROUP IPV6_LEAVE_GROUP IPV6_MULTICAST_HOPS IPV6_MULTICAST_IF IPV6_MULTICAST_LOOP IPV6_UNICAST_HOPS
    IPV6_V6ONLY
    IP_ADD_MEMBERSHIP IP_DROP_MEMBERSHIP IP_MULTICAST_IF IP_MULTICAST_LOOP IP_MULTICAST_TTL IP_TOS IP_TTL
    SHUT_RD SHUT_RDWR SHUT_WR
    SOCK_DGRAM SOCK_RAW SOCK_SEQPACKET SOCK_STREAM
    SOL_SOCKET SOMAXCONN
    SO_ACCEPTCONN SO_BINDTODEVICE SO_BROADCAST SO_DOMAIN SO_DONTROUTE SO_ERROR SO_EXCLUSIVEADDRUSE SO_KEEPALIVE
    SO_LINGER SO_OOBINLINE SO_PASSCRED SO_PROTOCOL SO_RCVBUF SO_RCVLOWAT SO_REUSEADDR SO_REUSEPORT SO_SNDBUF SO_TYPE
    TCP_CORK TCP_DEFER_ACCEPT TCP_FASTOPEN TCP_KEEPCNT TCP_KEEPIDLE TCP_KEEPINTVL TCP_MAXSEG TCP_NODELAY
    TCP_NOTSENT_LOWAT TCP_QUICKACK TCP_USER_TIMEOUT
  `,
  testing: `
    MockClock Sequencer assertCheckpoints assertNoCheckpoints inRun waitAllTasksBlocked
    MemoryReceiveStream MemorySendStream memoryStreamOneWayPair memoryStreamPair memoryStreamPump
    lockstepStreamOneWayPair lockstepStreamPair
    checkHalfCloseableStream checkOneWayStream checkTwoWayStream
  `,
};

for (const [page, names] of Object.entries(NAMES)) {
  const entry = page === "index" ? "tribun" : `tribun/${page}`;
  test(`${entry} exports exactly these names`, async () => {
    const exported: Record<string, unknown> = await import(`../src/${page}.ts`);
    expect(Object.keys(exported).toSorted()).toEqual(names.trim().split(/\s+/).toSorted());
    for (const [name, value] of Object.entries(exported)) expect(value, name).not.toBeUndefined();
  });
}

test("the package has these entry points and no others", async () => {
  const { exports } = await Bun.file(new URL("../package.json", import.meta.url)).json();
  expect(Object.keys(exports).toSorted()).toEqual(
    [".", "./hazmat", "./lint", "./lowlevel", "./package.json", "./socket", "./testing"].toSorted(),
  );
});
