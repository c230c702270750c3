/**
 * C structures as data. A layout stands once, beside the calls that take it, and the tests hold each of them against
 * what a C compiler says.
 */

/** Where a member of a C structure lies, in bytes. Numbers are in host order unless said. */
export interface StructField {
  readonly offset: number;
  readonly size: number;
  readonly order?: "network";
}

/** A C structure: its tag (`struct pollfd`), its size and its members under their C names. */
export interface Struct<Field extends string> {
  readonly tag: string;
  readonly size: number;
  readonly fields: Readonly<Record<Field, StructField>>;
}
