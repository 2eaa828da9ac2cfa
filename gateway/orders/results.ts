import type { ActionResult, Refused } from '../ports/orders.ts'

/** What a person's action came to, as a sentence for that person. */
export function yes(sentence: string): ActionResult & { ok: true } {
  return { ok: true, sentence }
}

export function no(sentence: string): Refused {
  return { ok: false, sentence }
}
