/** What the tests use of circomlibjs, which has no types of its own. */
declare module 'circomlibjs' {
  interface Hash {
    (inputs: readonly bigint[]): unknown
    readonly F: { toObject(element: unknown): bigint }
  }
  export function buildPoseidonReference(): Promise<Hash>
}
