import { decodeRevert, MANDATE_STATUSES, ORDER_STATES } from '../../contracts/escrow.ts'
import { formatMoney } from '../domain/money.ts'
import { printable } from '../lib/printable.ts'
import type { ChainFacts } from '../ports/chain.ts'

type Decoded = NonNullable<ReturnType<typeof decodeRevert>>
type ErrorName = Decoded['name']
type Sentences = { [Name in ErrorName]: (args: Extract<Decoded, { name: Name }>['args'], show: Show) => string }
type Show = { money(minorUnits: bigint): string; time(seconds: bigint | number): string }

/** The contract would not do it; the message is a sentence for a person. Trying the same again does not help. */
export class ChainRefusal extends Error {
  override readonly name = 'ChainRefusal'
  readonly errorName: string
  constructor({ errorName, sentence }: { errorName: string; sentence: string }) {
    super(sentence)
    this.errorName = errorName
  }
}

/** Why a call reverted or a basket was refused: what is wrong, with the amounts, and what to do. Never throws. */
export function explainRefusal(data: string, token: ChainFacts['token']): { errorName: string; sentence: string } {
  const show: Show = {
    money: (minorUnits) => formatMoney(minorUnits, token),
    time: (seconds) => (Number(seconds) < 8e12 ? new Date(Number(seconds) * 1000).toISOString() : `second ${seconds}`),
  }
  try {
    const decoded = data === '0x' ? undefined : decodeRevert(data)
    if (decoded !== undefined) {
      const sentence = SENTENCES[decoded.name] as (args: Decoded['args'], show: Show) => string
      return { errorName: decoded.name, sentence: sentence(decoded.args, show) }
    }
  } catch {
    // A token may revert with whatever it likes; what cannot be decoded is unknown.
  }
  return data === '0x'
    ? {
        errorName: 'none',
        sentence: 'The contract refused without a reason: too little gas, or a token that gives none.',
      }
    : { errorName: data.slice(0, 10), sentence: `The contract refused with the unknown error ${data.slice(0, 10)}.` }
}

const SIGN_AGAIN = 'Sign a new mandate.'
const NOBODY = `0x${'0'.repeat(40)}`

/** `State` of the registry, in its order. */
export const DEVICE_STATES = ['none', 'made', 'sold', 'registered', 'transferred', 'retired'] as const

const SENTENCES: Sentences = {
  // Mandates
  MissingField: ({ field }) => `The field "${field}" is empty.`,
  WrongTerm: ({ start, end, maxSeconds }, show) =>
    `A mandate from ${show.time(start)} to ${show.time(end)} is not possible: it runs forwards and at most ${maxSeconds} seconds. ${SIGN_AGAIN}`,
  PeriodTooShort: ({ actual, minimum }) =>
    `The period of ${actual} seconds is shorter than ${minimum}, the least there is. Choose a longer one.`,
  WrongArbiter: ({ arbiter }) => `The arbiter ${arbiter} is a party of the mandate. ${SIGN_AGAIN}`,
  WrongDevice: ({ key }) =>
    key === NOBODY
      ? `The device is not registered any more: it was sold, transferred or retired. ${SIGN_AGAIN}`
      : `The registry has another key or a later epoch for the device than the mandate: it was registered again. ${SIGN_AGAIN}`,
  WrongCaller: ({ actual, expected }) => `Only ${expected} may do this, not ${actual}.`,
  WrongSignature: ({ signer }) => `The signature is not one of ${signer}.`,
  WrongMandateStatus: ({ actual }) =>
    MANDATE_STATUSES[actual] === 'revoked'
      ? `The mandate was revoked, which is for good. ${SIGN_AGAIN}`
      : 'The mandate is not on chain yet. Grant it first.',
  TokenAllowanceTooLow: ({ actual, minimum }, show) =>
    `The escrow may take ${show.money(actual)} from the wallet, and ${show.money(minimum)} is needed. Allow it more.`,
  MandateNotStarted: ({ start }, show) => `The mandate holds only from ${show.time(start)} on.`,
  MandateEnded: ({ end }, show) => `The mandate ended at ${show.time(end)}. ${SIGN_AGAIN}`,
  NonceNotRising: ({ actual, last }) =>
    `The authorization has the number ${actual}, and ${last} was used already. It must be signed again.`,
  OverOrderCap: ({ total, maxPerOrder }, show) =>
    `The order costs ${show.money(total)}, more than the ${show.money(maxPerOrder)} that the mandate allows for one order.`,
  OverAllowance: ({ spent, allowance }, show) =>
    `With this order ${show.money(spent)} would be spent in this period, more than the ${show.money(allowance)} that the mandate allows.`,
  TooManyOpenOrders: ({ open, maxOpenOrders }) =>
    `With this order ${open} would be open, and the mandate allows ${maxOpenOrders}. Wait until one of them ends.`,
  // Households
  UnknownHousehold: ({ household }) =>
    `The wallet has set no cap for the household ${household}. Set it first, or sign a mandate without a household.`,
  HouseholdFull: ({ members, maximum }) =>
    `${members} mandates share the household's cap already, and ${maximum} may. Revoke one of them first.`,
  OverHouseholdAllowance: ({ spent, allowance }, show) =>
    `With this order the household would have spent ${show.money(spent)} in this period, more than its ${show.money(allowance)}.`,
  // Orders
  CoolingOffTooLong: ({ maximum }) => `Cooling off lasts ${maximum} seconds at most.`,
  EmptyBasket: () => 'The basket is empty.',
  MixedBasket: ({ index }) => `Mandate ${index} of the basket has another payer or token than the first.`,
  AuthorizationExpired: ({ validBefore }, show) =>
    `The authorization was good until ${show.time(validBefore)} only. It must be signed again.`,
  ShipByTooSoon: ({ shipBy, coolingOffUntil }, show) =>
    `The seller must ship by ${show.time(shipBy)}, but cooling off lasts until ${show.time(coolingOffUntil)}. Give it more time.`,
  WrongSeller: ({ seller }) => `${seller} pays or decides in this mandate and cannot sell.`,
  OfferNotInMandate: () => `The mandate does not name this product of this seller at this price. ${SIGN_AGAIN}`,
  OverPrice: ({ total, maximum }, show) =>
    `The order costs ${show.money(total)}, more than the ${show.money(maximum)} that the mandate allows for these packs.`,
  ShortTransfer: ({ actual, expected }, show) =>
    `Of ${show.money(expected)} only ${show.money(actual)} arrived: the token takes a fee and cannot be used.`,
  WrongState: ({ actual, expected }) =>
    ORDER_STATES[actual] === 'none'
      ? 'The chain has no such order: another wording of its terms, or it was never placed.'
      : `The order is ${ORDER_STATES[actual] ?? `in state ${actual}`} and not ${ORDER_STATES[expected] ?? `in state ${expected}`}.`,
  CoolingOff: ({ coolingOffUntil }, show) => `The order may ship from ${show.time(coolingOffUntil)} on.`,
  ShipByPassed: ({ shipBy }, show) => `The order had to ship by ${show.time(shipBy)}.`,
  OverHeld: ({ amount, held }, show) => `${show.money(amount)} was asked, but only ${show.money(held)} is held.`,
  TooLateToDispute: ({ deadline }, show) => `The order could be disputed until ${show.time(deadline)} only.`,
  TooLateToDecide: ({ deadline }, show) =>
    `The arbiter could decide until ${show.time(deadline)} only; the buyer may take the money back now.`,
  SettlementExpired: ({ validBefore }, show) =>
    `The settlement was good until ${show.time(validBefore)} only. Both must sign again.`,
  TooLateToRefund: ({ deadline }, show) =>
    `The order could be refunded through the escrow until ${show.time(deadline)} only. Pay the buyer directly.`,
  OverRefund: ({ amount, captured }, show) =>
    `${show.money(amount)} was to be refunded, but only ${show.money(captured)} of the order is with the seller.`,
  TooEarlyToReclaim: ({ deadline }, show) => `The funds can be taken back after ${show.time(deadline)}.`,
  NoCredit: ({ account }) => `Nothing waits for ${account}.`,
  // The device registry (ERC-721, ERC-6093)
  WrongDeviceState: ({ actual }) => `The device is ${DEVICE_STATES[actual] ?? `in state ${actual}`} in the registry.`,
  ERC721NonexistentToken: () => 'The registry has no such device, or it was retired.',
  ERC721IncorrectOwner: ({ owner }) => `The device belongs to ${owner}.`,
  ERC721InsufficientApproval: ({ operator }) => `Its owner has not let ${operator} give the device away.`,
  ERC721InvalidApprover: ({ approver }) => `${approver} may not let others give the device away.`,
  ERC721InvalidOperator: ({ operator }) => `Nobody can let ${operator} give devices away.`,
  ERC721InvalidOwner: ({ owner }) => `${owner} can own no device.`,
  ERC721InvalidReceiver: ({ receiver }) => `${receiver} cannot take a device.`,
  ERC721InvalidSender: ({ sender }) => `${sender} cannot give a device.`,
  // The token (ERC-6093, ERC-2612) and the libraries
  ERC20InsufficientAllowance: ({ allowance, needed }, show) =>
    `The escrow may take ${show.money(allowance)} from the wallet, and ${show.money(needed)} is needed. Allow it more.`,
  ERC20InsufficientBalance: ({ balance, needed }, show) =>
    `The wallet has ${show.money(balance)}, and ${show.money(needed)} is needed. Fund it.`,
  ERC20InvalidApprover: () => 'The token does not let this account allow anything.',
  ERC20InvalidReceiver: ({ receiver }) => `The token does not pay to ${receiver}.`,
  ERC20InvalidSender: ({ sender }) => `The token takes nothing from ${sender}.`,
  ERC20InvalidSpender: ({ spender }) => `The token lets nobody allow ${spender} anything.`,
  ERC2612ExpiredSignature: ({ deadline }, show) => `The permit was good until ${show.time(deadline)} only.`,
  ERC2612InvalidSigner: ({ owner }) => `The permit was not signed by ${owner}.`,
  InvalidAccountNonce: () => 'The permit was used already.',
  ECDSAInvalidSignature: () => 'The signature is malformed.',
  ECDSAInvalidSignatureLength: () => 'The signature is malformed.',
  ECDSAInvalidSignatureS: () => 'The signature is malformed.',
  SafeERC20FailedOperation: ({ token }) => `The token ${token} refused the transfer.`,
  SafeCastOverflowedUintDowncast: ({ value }) => `The number ${value} is too large.`,
  ReentrancyGuardReentrantCall: () => 'The token called the escrow while it was being paid; it cannot be used.',
  InvalidShortString: () => 'The contract failed.',
  StringTooLong: () => 'The contract failed.',
  Error: ({ message }) => `The token refused: ${printable(message).slice(0, 200)}`,
  Panic: ({ code }) => `The contract failed with panic ${code}.`,
}
