import { escrow } from '../../contracts/escrow.ts'
import type { HexBytes } from '../domain/identifiers.ts'
import { HOME_HOUSEHOLD, type HouseholdCap, type Mandate } from '../domain/mandate.ts'
import type { ChainFacts, MandateStatus } from '../ports/chain.ts'
import { type Connection, call } from './connection.ts'

/** The cap that a mandate shares, with what is spent of it in the period that runs. */
export async function readHousehold(
  connection: Connection,
  { payer, token, household }: Pick<Mandate, 'payer' | 'token' | 'household'>,
): Promise<MandateStatus['household']> {
  if (household === 0n) return undefined
  const data = escrow.encode('householdState', [payer, token, household])
  const answer = await call(connection, connection.facts.escrow, data)
  const [current, , spent] = escrow.decodeResults('householdState', answer)
  if (current.period === 0) return undefined
  return { allowance: current.allowance, periodSeconds: current.period, spent }
}

export function householdCall(facts: ChainFacts, { allowance, periodSeconds }: HouseholdCap): HexBytes {
  const args = [facts.token.address, HOME_HOUSEHOLD, allowance, periodSeconds] as const
  return escrow.encode('setHousehold', args) as HexBytes
}
