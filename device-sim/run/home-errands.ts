import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import type { OrderMessage } from '../../gateway/wire/messages.ts'
import { type GatewayApi, Refusal } from '../gateway-api.ts'
import type { HomeModel } from '../models/home.ts'
import { atOnce } from './at-once.ts'
import type { HomeDevice } from './move-in.ts'

const AT_ONCE = 16
/** A parcel may be here before a killed gateway has read again that it was shipped; two weeks later the money is back. */
const MAX_TRIES = 14 * 24
const MAX_PROBLEMS = 100
/** A gateway that was killed answers again within seconds. */
const ASK_AGAIN_MS = 250
const MAX_ASKS = 240

const Anything = z.looseObject({})
const OrderAnswer = z.object({
  order: z.object({
    quantity: z.int(),
    quote: z.object({ packSize: z.number(), contentUnit: z.string() }).optional(),
  }),
})

type News = { place: HomeDevice; message: OrderMessage }
type Arrived = { place: HomeDevice; orderId: string; tries: number }

/** What the people of all homes do about their orders: read the news, answer questions, say that a parcel is here. */
export class HomeErrands {
  /** What could not be done, as sentences. */
  readonly problems: string[] = []
  readonly orderIds = new Set<string>()
  /** Orders whose whole and right parcel a home has in its hands. */
  readonly received = new Set<string>()
  parcels = 0
  readonly #models: readonly HomeModel[]
  readonly #api: () => GatewayApi
  #shipped: News[] = []
  #asked: News[] = []
  #arrived: Arrived[] = []

  constructor(models: readonly HomeModel[], api: () => GatewayApi) {
    this.#models = models
    this.#api = api
  }

  /** News on a device's `order` topic; it may come again. */
  hear(place: HomeDevice, message: OrderMessage): void {
    this.orderIds.add(message.orderId)
    if (message.state === 'shipped') this.#shipped.push({ place, message })
    if (message.state === 'awaiting-consent') this.#asked.push({ place, message })
  }

  /** Tells the homes which of their orders were shipped, with what the label will say. */
  async readShipped(): Promise<void> {
    const news = this.#shipped.splice(0)
    await atOnce(news, AT_ONCE, async ({ place, message }) => {
      const { homeId, home, device } = place
      const path = `/v1/orders/${message.orderId}?home=${homeId}`
      const { order } = await untilAnswered(() => this.#api().get(path, OrderAnswer))
      const model = this.#models[home]!
      const slots = model.devices[device]!.description.slots
      const slot = slots.findIndex((each) => each.slot === message.slot)
      const described = slots[slot]!
      // A reorg has taken back what was told: it is told again when it is shipped again.
      if (order.quote === undefined) return
      const { packSize, contentUnit } = order.quote
      const packContent = contentUnit === described.unit ? packSize : described.capacity
      model.shipped(device, slot, { orderId: message.orderId, packs: order.quantity, packContent }, message.sinceMs)
    })
  }

  /** Collects the parcels that were found, and says of each, in its home's name, that it is here. */
  async sayReceived(devicesOfHome: readonly (readonly HomeDevice[])[]): Promise<void> {
    for (const [home, model] of this.#models.entries()) {
      for (const { device, orderId, received } of model.takeParcels()) {
        this.parcels++
        if (!received) continue
        this.received.add(orderId)
        this.#arrived.push({ place: devicesOfHome[home]![device]!, orderId, tries: 0 })
      }
    }
    const arrived = this.#arrived.splice(0)
    await atOnce(arrived, AT_ONCE, async ({ place, orderId, tries }) => {
      const refusal = await this.#post(place, orderId, 'received', {})
      if (refusal === undefined) return
      if (tries < MAX_TRIES) this.#arrived.push({ place, orderId, tries: tries + 1 })
      else this.#note(`The parcel of order ${orderId} is here, but the gateway says: ${refusal}`)
    })
  }

  /** Answers what the gateway asks; true when there was something to answer. */
  async answerQuestions(): Promise<boolean> {
    const asked = this.#asked.splice(0)
    await atOnce(asked, AT_ONCE, async ({ place, message }) => {
      const model = this.#models[place.home]!
      const { slots } = model.devices[place.device]!.description
      const yes = model.agrees(
        place.device,
        slots.findIndex(({ slot }) => slot === message.slot),
      )
      // A question that was answered or has lapsed meanwhile is none any more.
      await this.#post(place, message.orderId, 'consent', { answer: yes ? 'yes' : 'no' })
    })
    return asked.length > 0
  }

  /** The sentence with which the gateway refused, if it did. */
  async #post({ homeId }: HomeDevice, orderId: string, verb: string, body: object): Promise<string | undefined> {
    try {
      const path = `/v1/orders/${orderId}/${verb}?home=${homeId}`
      await untilAnswered(() => this.#api().post(path, body, Anything))
      return undefined
    } catch (error) {
      if (error instanceof Refusal) return error.message
      throw error
    }
  }

  #note(problem: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(problem)
  }
}

async function untilAnswered<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (let asks = 1; ; asks++) {
    try {
      return await ask()
    } catch (error) {
      if (error instanceof Refusal || asks === MAX_ASKS) throw error
      await wait(ASK_AGAIN_MS)
    }
  }
}
