/**
 * The little of the peers' types that the scenarios use, written out, so that this tree passes the type checker where the
 * peers are not installed. Their own names, their own order of arguments.
 */

/** effection's */
export interface EffectionOperation<T> {
  // oxlint-disable-next-line typescript/no-explicit-any -- what is sent in is between effection and its effects
  [Symbol.iterator](): Iterator<any, T, any>;
}

export interface EffectionTask<T> extends EffectionOperation<T>, Promise<T> {
  halt(): EffectionOperation<void> & Promise<void>;
}

export interface Effection {
  run<T>(operation: () => EffectionOperation<T>): EffectionTask<T>;
  spawn<T>(operation: () => EffectionOperation<T>): EffectionOperation<EffectionTask<T>>;
  scoped<T>(operation: () => EffectionOperation<T>): EffectionOperation<T>;
  action<T>(
    executor: (resolve: (value: T) => void, reject: (error: Error) => void) => () => void,
  ): EffectionOperation<T>;
  sleep(milliseconds: number): EffectionOperation<void>;
  suspend(): EffectionOperation<void>;
  race<T>(operations: readonly EffectionOperation<T>[]): EffectionOperation<T>;
  until<T>(promise: PromiseLike<T>): EffectionOperation<T>;
}

/** effect's `Effect<A>` and its neighbours */
export interface EffectOf<A> {
  // oxlint-disable-next-line typescript/no-explicit-any -- as its own declaration says it
  [Symbol.iterator](): Iterator<any, A, any>;
}

/** Only ever handed back to effect. */
export interface EffectFiber<A> {
  readonly id: number;
  readonly await: A;
}

export interface EffectLatch {
  openUnsafe(): boolean;
  closeUnsafe(): boolean;
  readonly release: EffectOf<boolean>;
  readonly await: EffectOf<void>;
}

/** Only ever handed back to effect. */
export interface EffectQueue<A> {
  readonly value?: A;
}

export interface EffectSemaphore {
  withPermits(permits: number): <A>(effect: EffectOf<A>) => EffectOf<A>;
}

export interface EffectModule {
  readonly Effect: {
    gen<A>(body: () => Iterator<unknown, A>): EffectOf<A>;
    sync<A>(evaluate: () => A): EffectOf<A>;
    callback<A>(register: (resume: (effect: EffectOf<A>) => void) => void | EffectOf<void>): EffectOf<A>;
    forkChild<A>(effect: EffectOf<A>): EffectOf<EffectFiber<A>>;
    all<A>(
      effects: readonly EffectOf<A>[],
      options?: { concurrency?: number | "unbounded"; discard?: boolean },
    ): EffectOf<A[]>;
    readonly yieldNow: EffectOf<void>;
    /** @param duration milliseconds */
    sleep(duration: number): EffectOf<void>;
    timeoutOption<A>(effect: EffectOf<A>, duration: number): EffectOf<unknown>;
    scoped<A>(effect: EffectOf<A>): EffectOf<A>;
    /** What has to run at the end, since an interrupted `gen` does not run its `finally`. */
    ensuring<A>(effect: EffectOf<A>, finalizer: EffectOf<void>): EffectOf<A>;
    runPromise<A>(effect: EffectOf<A>): Promise<A>;
  };
  readonly Fiber: {
    joinAll<A>(fibers: readonly EffectFiber<A>[]): EffectOf<readonly A[]>;
    interrupt(fiber: EffectFiber<unknown>): EffectOf<void>;
    interruptAll(fibers: readonly EffectFiber<unknown>[]): EffectOf<void>;
  };
  readonly Latch: { make(open?: boolean): EffectOf<EffectLatch> };
  readonly Queue: {
    bounded<A>(capacity: number): EffectOf<EffectQueue<A>>;
    offer<A>(queue: EffectQueue<A>, value: A): EffectOf<boolean>;
    take<A>(queue: EffectQueue<A>): EffectOf<A>;
  };
  readonly Semaphore: { make(permits: number): EffectOf<EffectSemaphore> };
}
