import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { GatewayApi } from '../gateway-api.ts'
import type { Scenario } from '../scenario/schema.ts'
import { readBooks } from './books.ts'
import { readEscrow } from './escrow-logs.ts'
import type { Audited, Evidence } from './expectations.ts'
import type { Acknowledged } from './readings-stored.ts'

const AUDITS_AT_ONCE = 4
const AUDIT_WITHIN_MS = 120_000

/** What is looked at when a real run is over and all of it is still up. */
export type Examined = {
  gatewayData: string
  merchantData: string
  api: GatewayApi
  seller: { address: string }
  time: { nowMs(): number }
  homeIdOf(home: number): string
  acknowledged(): Iterable<Acknowledged>
  received(): ReadonlySet<string>
}

const NodeFacts = z.object({ rpcUrl: z.url(), escrow: z.string(), token: z.string() })
const AuditDone = z.object({
  kind: z.literal('done'),
  authorizations: z.int(),
  differing: z.int(),
  unread: z.int(),
  first: z.object({ why: z.string() }).optional(),
})

/** Asks every source by itself: both databases, the chain, and the gateway's own audit of each home. */
export async function gatherEvidence(scenario: Scenario, scene: Examined): Promise<Evidence> {
  const { rpcUrl, escrow, token } = NodeFacts.parse(
    JSON.parse(readFileSync(join(scene.gatewayData, 'chain', 'node.json'), 'utf8')),
  )
  const untilMs = scene.time.nowMs()
  return {
    audits: await audits(scenario, scene),
    escrow: await readEscrow(rpcUrl, escrow, token, scene.seller.address),
    books: readBooks(scene.gatewayData, scene.merchantData),
    acknowledged: [...scene.acknowledged()],
    received: scene.received(),
    untilMs,
  }
}

async function audits({ population: { firstHome, homes } }: Scenario, scene: Examined): Promise<Audited[]> {
  const audited: Audited[] = []
  let next = firstHome
  await Promise.all(
    Array.from({ length: AUDITS_AT_ONCE }, async () => {
      while (next < firstHome + homes) audited.push(await auditOf(scene.homeIdOf(next++), scene.api))
    }),
  )
  return audited
}

async function auditOf(homeId: string, { httpUrl, token }: GatewayApi): Promise<Audited> {
  const response = await fetch(`${httpUrl}/v1/audit?home=${homeId}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{}',
    signal: AbortSignal.timeout(AUDIT_WITHIN_MS),
  })
  const last = (await response.text()).trim().split('\n').at(-1) ?? ''
  if (!response.ok) throw new Error(`The gateway refused the audit of ${homeId}: ${last}`)
  const { authorizations, differing, unread, first } = AuditDone.parse(JSON.parse(last))
  return { homeId, authorizations, differing, unread, why: first?.why }
}
