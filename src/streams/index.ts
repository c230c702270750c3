/**
 * Streams of bytes: what every one of them offers, whatever lies beneath, and two of one way made one of both. May import
 * the public low-level API, and nothing else.
 */
export { closing } from "./closing.ts";
export { ConflictDetector } from "./conflict-detector.ts";
export { judgeBytes, judgeMaxBytes } from "./judge.ts";
export { StapledStream } from "./stapled-stream.ts";
export type { AsyncResource, HalfCloseableStream, ReceiveStream, SendStream, Stream } from "./stream.ts";
