/** read(2), write(2) and close(2), on descriptors and addresses. Each gives -1 and sets errno when it fails. */
import { FFIType } from "bun:ffi";
import { bindLibc } from "./libc.ts";

export interface DescriptorCalls {
  read(fd: number, buffer: number, length: number): number;
  write(fd: number, data: number, length: number): number;
  close(fd: number): number;
}

let calls: DescriptorCalls | undefined;

export function descriptorCalls(): DescriptorCalls {
  return (calls ??= bind());
}

function bind(): DescriptorCalls {
  const { read, write, close } = bindLibc({
    read: { args: ["i32", "u64", "u64"], returns: FFIType.i64_fast },
    write: { args: ["i32", "u64", "u64"], returns: FFIType.i64_fast },
    close: { args: ["i32"], returns: "i32" },
  });
  return {
    // An `i64_fast` is a number wherever a byte count can be.
    read: (fd, buffer, length) => read(fd, buffer, length) as number,
    write: (fd, data, length) => write(fd, data, length) as number,
    close: (fd) => close(fd),
  };
}
