/** Windows' handles that are no sockets, made by the system's own calls, for tests. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FFIType } from "bun:ffi";
import { bindKernel32, handleCalls } from "../../ffi/kernel32.ts";
import { addressOf } from "../../ffi/memory.ts";
import { OVERLAPPED } from "../../ffi/overlapped.ts";
import { windowsError } from "../../ffi/windows-errors.ts";

const ERROR_IO_PENDING = 997;

const PIPE_ACCESS_DUPLEX = 3;
const FILE_FLAG_FIRST_PIPE_INSTANCE = 0x80000;
const FILE_FLAG_OVERLAPPED = 0x4000_0000;
const FILE_FLAG_DELETE_ON_CLOSE = 0x400_0000;
const GENERIC_READ_WRITE = 0xc000_0000;
const OPEN_EXISTING = 3;
const CREATE_ALWAYS = 2;
const PIPE_TYPE_MESSAGE = 4;
const PIPE_READMODE_MESSAGE = 2;
const DUPLICATE_SAME_ACCESS = 2;
const SYNCHRONIZE = 0x10_0000;
const THIS_PROCESS = 0xffff_ffff_ffff_ffffn;

function bind() {
  return bindKernel32({
    CreateNamedPipeW: {
      args: ["u64", "u32", "u32", "u32", "u32", "u32", "u32", "u64"],
      returns: FFIType.i64_fast,
    },
    CreateFileW: { args: ["u64", "u32", "u32", "u64", "u32", "u32", "u64"], returns: FFIType.i64_fast },
    CreateEventW: { args: ["u64", "i32", "i32", "u64"], returns: FFIType.i64_fast },
    SetEvent: { args: ["u64"], returns: "i32" },
    ResetEvent: { args: ["u64"], returns: "i32" },
    CreateSemaphoreW: { args: ["u64", "i32", "i32", "u64"], returns: FFIType.i64_fast },
    ReleaseSemaphore: { args: ["u64", "i32", "u64"], returns: "i32" },
    CreateMutexW: { args: ["u64", "i32", "u64"], returns: FFIType.i64_fast },
    ReleaseMutex: { args: ["u64"], returns: "i32" },
    CreateWaitableTimerW: { args: ["u64", "i32", "u64"], returns: FFIType.i64_fast },
    SetWaitableTimer: { args: ["u64", "u64", "i32", "u64", "u64", "i32"], returns: "i32" },
    OpenProcess: { args: ["u32", "i32", "u32"], returns: FFIType.i64_fast },
    ReadFile: { args: ["u64", "u64", "u32", "u64", "u64"], returns: "i32" },
    WriteFile: { args: ["u64", "u64", "u32", "u64", "u64"], returns: "i32" },
    DuplicateHandle: { args: ["u64", "u64", "u64", "u64", "u32", "i32", "u32"], returns: "i32" },
  });
}

let bound: ReturnType<typeof bind> | undefined;
const kernel32 = (): ReturnType<typeof bind> => (bound ??= bind());

let pipes = 0;

/** The handles of one test, all closed when it is over. */
export class Handles implements Disposable {
  readonly #open = new Set<number>();

  /** A named pipe of bytes, or of messages: both ends, for overlapped operations. */
  pipe({ messages = false }: { messages?: boolean } = {}): [server: number, client: number] {
    const name = wide(`\\\\.\\pipe\\tribun-test-${process.pid}-${performance.now()}-${pipes++}`);
    const access = PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE;
    const mode = messages ? PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE : 0;
    const server = kernel32().CreateNamedPipeW(addressOf(name), access, mode, 1, 4096, 4096, 0, 0);
    this.#keep(server as number, "CreateNamedPipeW");
    const client = kernel32().CreateFileW(
      addressOf(name),
      GENERIC_READ_WRITE,
      0,
      0,
      OPEN_EXISTING,
      FILE_FLAG_OVERLAPPED,
      0,
    );
    return [server as number, this.#keep(client as number, "CreateFileW")];
  }

  /** A new file, gone when it is closed. */
  file({ overlapped = true }: { overlapped?: boolean } = {}): number {
    const path = wide(join(tmpdir(), `tribun-test-${crypto.randomUUID()}`));
    const flags = FILE_FLAG_DELETE_ON_CLOSE | (overlapped ? FILE_FLAG_OVERLAPPED : 0);
    const file = kernel32().CreateFileW(addressOf(path), GENERIC_READ_WRITE, 0, 0, CREATE_ALWAYS, flags, 0);
    return this.#keep(file as number, "CreateFileW");
  }

  /** An event that is not signalled. One that resets itself lets one waiter through each time that it is set. */
  event({ resetsItself = false }: { resetsItself?: boolean } = {}): number {
    return this.#keep(kernel32().CreateEventW(0, resetsItself ? 0 : 1, 0, 0) as number, "CreateEventW");
  }

  reset(event: number): void {
    if (kernel32().ResetEvent(event) === 0) throw windowsError(handleCalls().lastError(), "ResetEvent");
  }

  semaphore(count: number): number {
    return this.#keep(kernel32().CreateSemaphoreW(0, count, 1_000, 0) as number, "CreateSemaphoreW");
  }

  /** A mutex that nobody has. */
  mutex(): number {
    return this.#keep(kernel32().CreateMutexW(0, 0, 0) as number, "CreateMutexW");
  }

  /** A timer that is signalled from `ms` milliseconds on. */
  timer(ms: number): number {
    const timer = this.#keep(kernel32().CreateWaitableTimerW(0, 1, 0) as number, "CreateWaitableTimerW");
    const due = BigInt64Array.of(BigInt(-ms * 10_000));
    const started = kernel32().SetWaitableTimer(timer, addressOf(due.buffer), 0, 0, 0, 0);
    if (started === 0) throw windowsError(handleCalls().lastError(), "SetWaitableTimer");
    return timer;
  }

  /** A process of the system's, with the right to wait for it and no other. */
  process(pid: number): number {
    return this.#keep(kernel32().OpenProcess(SYNCHRONIZE, 0, pid) as number, "OpenProcess");
  }

  /** Another number for the same open file. */
  duplicate(handle: number): number {
    return this.#keep(duplicateHandle(handle), "DuplicateHandle");
  }

  close(handle: number): void {
    this.#open.delete(handle);
    if (!handleCalls().close(handle)) throw windowsError(handleCalls().lastError(), "CloseHandle");
  }

  [Symbol.dispose](): void {
    for (const handle of [...this.#open]) this.close(handle);
  }

  #keep(handle: number, call: string): number {
    if (handle <= 0) throw windowsError(handleCalls().lastError(), call);
    this.#open.add(handle);
    return handle;
  }
}

/** Another number for an open file or socket. */
export function duplicateHandle(handle: number): number {
  const target = new BigUint64Array(new ArrayBuffer(8));
  const address = addressOf(target.buffer);
  const { DuplicateHandle } = kernel32();
  const result = DuplicateHandle(THIS_PROCESS, handle, THIS_PROCESS, address, 0, 0, DUPLICATE_SAME_ACCESS);
  if (result === 0) throw windowsError(handleCalls().lastError(), "DuplicateHandle", `handle ${handle}`);
  return Number(target[0]);
}

export function setEvent(event: number): void {
  if (kernel32().SetEvent(event) === 0) throw windowsError(handleCalls().lastError(), "SetEvent");
}

export function releaseSemaphore(semaphore: number, count: number): void {
  const released = kernel32().ReleaseSemaphore(semaphore, count, 0);
  if (released === 0) throw windowsError(handleCalls().lastError(), "ReleaseSemaphore");
}

/** @returns whether this thread had it. */
export function releaseMutex(mutex: number): boolean {
  return kernel32().ReleaseMutex(mutex) !== 0;
}

/**
 * The handles that this process has open, among the lowest numbers, which are those that are given out. (Wine does not
 * implement GetProcessHandleCount.)
 */
export function openHandles(): number[] {
  return Array.from({ length: 3_000 }, (_, i) => 4 * (i + 1)).filter((handle) => handleCalls().isOpen(handle));
}

/** An operation as a program begins it itself, by ReadFile or WriteFile, in memory that it keeps. */
export class OwnOperation {
  readonly memory: ArrayBuffer;
  readonly lpOverlapped: bigint;

  constructor(size: number) {
    this.memory = new ArrayBuffer(OVERLAPPED.size + size);
    this.lpOverlapped = BigInt(addressOf(this.memory));
  }

  get data(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.memory, OVERLAPPED.size);
  }

  get bytesMoved(): number {
    return Number(new DataView(this.memory).getBigUint64(OVERLAPPED.fields.InternalHigh.offset, true));
  }

  read(handle: number): this {
    return this.#begun(kernel32().ReadFile(handle, this.#data, this.data.length, 0, this.lpOverlapped), "ReadFile");
  }

  write(handle: number): this {
    return this.#begun(kernel32().WriteFile(handle, this.#data, this.data.length, 0, this.lpOverlapped), "WriteFile");
  }

  get #data(): bigint {
    return this.lpOverlapped + BigInt(OVERLAPPED.size);
  }

  #begun(result: number, call: string): this {
    const error = result === 0 ? handleCalls().lastError() : 0;
    if (error !== 0 && error !== ERROR_IO_PENDING) throw windowsError(error, call);
    return this;
  }
}

function wide(text: string): ArrayBuffer {
  return Uint16Array.from(`${text}\0`, (letter) => letter.charCodeAt(0)).buffer;
}
