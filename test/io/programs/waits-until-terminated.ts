/** A Worker whose run waits until the sockets that it is sent are readable, for as long as it lives. */
import { openNursery, run } from "../../../src/index.ts";
import { waitReadable } from "../../../src/hazmat.ts";
import { waitAllTasksBlocked } from "../../../src/testing.ts";

declare const self: Worker;

self.onmessage = ({ data }: MessageEvent<number[]>) => {
  void run(() =>
    openNursery(function* (nursery) {
      for (const fd of data) nursery.startSoon(() => waitReadable(fd));
      yield* waitAllTasksBlocked();
      postMessage("waiting");
    }),
  );
};
postMessage("ready");
