/** What scripts/build.mjs puts in the place of these names. */
declare module "embedded:*" {
  const text: string;
  export default text;
}
