// What the bundler (sim/webbuilder/bundle.ts) adds to the page's own modules.

declare module "*.css" {
  /** The text of the sheet. */
  const sheet: string;
  export default sheet;
}

declare module "dsc:firmware" {
  /** The released module's bytes. */
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}

declare module "dsc:demorecord" {
  /** The demo card's record for STORE DATA, encrypted under the public test keys. */
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
