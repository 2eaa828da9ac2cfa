/** Time until the next try after `failures` failed ones: doubles from `firstMs`, never above `longestMs`. */
export function backoffMs(failures: number, firstMs: number, longestMs: number): number {
  return Math.min(longestMs, firstMs * 2 ** Math.min(failures, 30))
}
