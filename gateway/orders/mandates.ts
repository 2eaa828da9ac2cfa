import { recoverAddress } from 'ethers/transaction'
import type { Address, Hex32, HexBytes } from '../domain/identifiers.ts'
import type { HouseholdCap, Mandate } from '../domain/mandate.ts'
import type { Chain, PayerWallet, SaveTransaction } from '../ports/chain.ts'
import type { Clock } from '../ports/clock.ts'
import type { DeviceStore, DeviceView } from '../ports/devices.ts'
import type { MandateDraft, MandateStore, MandateVerbs, RegistrationStore } from '../ports/mandates.ts'
import type { Seller } from '../ports/seller.ts'
import { draftMandate, refuse, unknownDevice } from './mandate-draft.ts'
import { registerDevice } from './registering.ts'

/** Grants sent again at a start. */
const MAX_RESUMED = 100

/** Drafts, signs, grants and revokes the homeowner's standing consents (DOMAIN.md, "Mandate"). */
export function mandateVerbs(ports: {
  devices: Pick<DeviceStore, 'get'>
  mandates: MandateStore
  seller: Pick<Seller, 'profile'>
  registrations: RegistrationStore
  chain: Chain
  /** The gateway's own wallet; only beside the embedded chain. */
  wallet: PayerWallet | undefined
  save: SaveTransaction
  clock: Clock
  onFault(error: unknown): void
}): MandateVerbs {
  const { chain, wallet } = ports

  /** The right to take tokens comes first: a mandate that is granted can be used. */
  async function grant(mandate: Mandate, signature: HexBytes): Promise<Hex32> {
    if (wallet?.address === mandate.payer) await wallet.allow()
    return (await chain.grant(mandate, signature, ports.save)).txHash
  }

  return {
    draft: (request) => draftMandate(ports, request),

    typedData: (draft) => chain.mandateTypedData(draft.file.mandate),

    async sign(homeId, draft, by) {
      const { mandate, mandateHash } = draft.file
      const device = await ports.devices.get(homeId, draft.deviceId)
      if (device === undefined) return refuse(unknownDevice(draft.deviceId))
      if (!isWhole(draft, device, chain)) {
        return refuse('This draft does not fit its own text, or the device has a new key. Draft it again.')
      }
      if (by === 'gateway-wallet' && wallet?.address !== mandate.payer) {
        return refuse(`Only the wallet ${mandate.payer} can sign this mandate; give its signature with --signature.`)
      }
      const signature = by === 'gateway-wallet' ? await wallet!.sign(mandate) : by
      // The mandate's hash is the digest that the wallet signs.
      if (!(await chain.isSignedBy(mandate.payer, mandateHash, signature))) {
        const signer = signerOf(mandateHash, signature)
        return refuse(
          `This is ${signer === undefined ? 'no signature' : `a signature of ${signer}`}, but ${mandate.payer} pays. ` +
            'Sign the typed data of this very draft with that wallet.',
        )
      }
      const { status, household } = await chain.mandateStatus(mandate)
      if (status === 'revoked') return refuse('This mandate was revoked, which is for good. Draft a new one.')

      const cap = draft.household
      if (mandate.household !== 0n && cap !== undefined && !isSameCap(household, cap)) {
        if (wallet?.address === mandate.payer) await wallet.setHousehold(cap)
        else if (household === undefined) {
          return refuse(
            `First let the wallet ${mandate.payer} set the household's cap: a transaction to ${chain.facts.escrow} with the data ` +
              `${chain.householdCall(cap)}. Then send this signature again.`,
          )
        }
      }
      const { deviceId, sellerUrl, file } = draft
      await ports.mandates.add({ deviceId, sellerUrl, file, homeId, createdAtMs: ports.clock.nowMs() }, signature)
      const txHash = status === 'unknown' ? await grant(mandate, signature) : undefined
      return { ok: true, sentence: await nextStep(draft, chain), txHash }
    },

    async revoke(homeId, mandateHash) {
      const row = await ports.mandates.get(homeId, mandateHash)
      if (row === undefined) return refuse(`There is no mandate ${mandateHash}. See \`adept mandate show\`.`)
      const { mandate } = row.file
      if ((await chain.mandateStatus(mandate)).status === 'revoked') {
        return { ok: true, sentence: 'The mandate is revoked on chain; nothing can be ordered under it any more.' }
      }
      if (wallet?.address !== mandate.payer) {
        return refuse(
          `Only the wallet ${mandate.payer} can revoke this mandate: let it call revoke of the contract ` +
            `${chain.facts.escrow}; \`adept mandate show --json\` has the call data.`,
        )
      }
      const { txHash } = await wallet.revoke(mandate, ports.save)
      return {
        ok: true,
        sentence: `The revocation was sent (${txHash}). Orders already placed go on; each can be cancelled until it ships.`,
      }
    },

    register: (homeId, deviceId, registryId) => registerDevice({ homeId, deviceId, registryId }, ports),

    async resume() {
      for (const { file, payerSignature } of await ports.mandates.ungranted(MAX_RESUMED)) {
        try {
          if ((await chain.mandateStatus(file.mandate)).status === 'unknown') await grant(file.mandate, payerSignature)
        } catch (error) {
          // One mandate that cannot be granted does not keep the others, or the gateway, from starting.
          ports.onFault(error)
        }
      }
    },
  }
}

function isSameCap(now: HouseholdCap | undefined, wanted: HouseholdCap): boolean {
  return now?.allowance === wanted.allowance && now.periodSeconds === wanted.periodSeconds
}

/** Whether hash, offers and text of a draft belong together, and to this device: it comes back from outside. */
function isWhole(draft: MandateDraft, device: DeviceView, chain: Chain): boolean {
  const { mandate, mandateHash, offers, readable } = draft.file
  return (
    chain.mandateHash(mandate) === mandateHash &&
    chain.readableHash(readable) === mandate.extraData &&
    chain.offersRoot(offers) === mandate.offersRoot &&
    mandate.deviceKey === device.keyAddress &&
    mandate.token === chain.facts.token.address
  )
}

function signerOf(mandateHash: Hex32, signature: HexBytes): Address | undefined {
  try {
    return recoverAddress(mandateHash, signature).toLowerCase() as Address
  } catch {
    return undefined
  }
}

async function nextStep(draft: MandateDraft, chain: Chain): Promise<string> {
  const { mandate } = draft.file
  const { allowance } = await chain.funds(mandate.payer)
  if (allowance >= mandate.maxPerOrder) return `The mandate for ${draft.deviceId} is signed and sent to the chain.`
  return (
    `The mandate for ${draft.deviceId} is signed and sent to the chain. Before the first order, let the wallet ${mandate.payer} ` +
    `approve the contract ${chain.facts.escrow} for ${chain.facts.token.symbol} (token ${mandate.token}).`
  )
}
