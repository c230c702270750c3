/** A plugin as oxlint and ESLint 9 and newer load it. */
declare const plugin: {
  readonly meta: { readonly name: "tribun"; readonly version: string };
  readonly rules: { readonly undriven: any };
  readonly configs: {
    /** For ESLint: `export default [tribun.configs.recommended]`. */
    readonly recommended: {
      readonly name: string;
      readonly plugins: Record<string, any>;
      readonly rules: { readonly "tribun/undriven": "error" };
    };
  };
};
export default plugin;
