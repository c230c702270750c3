/**
 * Why a test is skipped where this is true: a run needs an I/O backend, and so far there are those of Linux alone
 * (`epoll`, `poll`); what such tests look into besides, `/proc` and signals, is Linux's too.
 */
export const NOT_LINUX: boolean = process.platform !== "linux";
