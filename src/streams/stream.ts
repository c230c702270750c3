import type { Operation } from "../hazmat.ts";

/**
 * Something that is closed when it is done with, and whose graceful close may have to wait.
 *
 * Trio: `trio.abc.AsyncResource`, which has no {@link AsyncResource.close}: there, a close that must not wait is an
 * `aclose` that is cancelled at once.
 */
export interface AsyncResource extends Disposable {
  /**
   * Closes it here and now, without the courtesies that would have to wait. Whoever is using it gets
   * ClosedResourceError. Closing twice is fine. Not a checkpoint.
   */
  close(): void;
  /**
   * Closes it gracefully. Cancelled, it has closed all the same, as {@link AsyncResource.close} does. Closing twice is
   * fine. A checkpoint.
   */
  aclose(): Operation<void>;
  /** {@link AsyncResource.close}, for `using`. */
  [Symbol.dispose](): void;
}

/**
 * The end of a stream that bytes go in at. Trio: `trio.abc.SendStream`.
 *
 * One task at a time may use it. ClosedResourceError says that this end was closed, before the call or during it;
 * BrokenResourceError that the stream broke, as it does when its other end is closed.
 */
export interface SendStream extends AsyncResource {
  /**
   * Sends all of `data`, waiting as long as that takes. Once it has returned, the bytes of `data` may be changed. Sending
   * nothing has no meaning for the receiver. A checkpoint.
   *
   * One that is cancelled, or fails, may have sent all of it, a part, or nothing: there is no telling.
   *
   * @throws TypeError at once for what is no view of bytes.
   * @throws BusyResourceError, ClosedResourceError, BrokenResourceError
   */
  sendAll(data: ArrayBufferView): Operation<void>;
  /**
   * Waits until {@link SendStream.sendAll} might not have to wait: for who would rather choose late what to send. It may
   * return early, but never late. A checkpoint.
   *
   * @throws BusyResourceError, ClosedResourceError, BrokenResourceError
   */
  waitSendAllMightNotBlock(): Operation<void>;
}

/**
 * The end of a stream that bytes come out of. Trio: `trio.abc.ReceiveStream`.
 *
 * One task at a time may use it. ClosedResourceError says that this end was closed, before the call or during it;
 * BrokenResourceError that the stream broke.
 */
export interface ReceiveStream extends AsyncResource {
  /**
   * Receives some bytes, at most `maxBytes`, waiting until there is one. An empty array means the end of the stream, and
   * nothing else does. What it gives is the caller's. Cancelled, no byte was taken. A checkpoint.
   *
   * @param maxBytes a whole number, 1 or more. Default: as many as the stream finds handy.
   * @throws TypeError, RangeError at once.
   * @throws BusyResourceError, ClosedResourceError, BrokenResourceError
   */
  receiveSome(maxBytes?: number): Operation<Uint8Array>;
}

/** A stream of both ways. One task may send while another receives. Trio: `trio.abc.Stream`. */
export interface Stream extends SendStream, ReceiveStream {}

/** A stream of both ways whose sending half can be ended by itself. Trio: `trio.abc.HalfCloseableStream`. */
export interface HalfCloseableStream extends Stream {
  /**
   * Says that nothing more will be sent: the other side gets what was sent before, and then the end. From then on
   * sending is ClosedResourceError, receiving goes on. Saying so twice is fine. A checkpoint.
   *
   * @throws BusyResourceError while another task is sending. ClosedResourceError, BrokenResourceError
   */
  sendEof(): Operation<void>;
}
