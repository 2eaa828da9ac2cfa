import { z } from 'zod'
import { isLoopback } from '../broker/addresses.ts'
import { BrokerLimits } from '../broker/limits.ts'
import { isTimeZone } from '../domain/home-calendar.ts'
import { Address, HomeId } from '../domain/identifiers.ts'

const Host = z.string().min(1).max(255)
const Port = z.int().min(0).max(65_535)
const HttpUrl = z.url({ protocol: /^https?$/, error: 'expected an address that begins with http:// or https://' })

const ListenOn = Host.default('127.0.0.1')
const File = z.string().min(1).max(4_096)

/** How devices reach the broker. Each listener stays on loopback until told otherwise. */
const Mqtt = z
  .strictObject({
    host: ListenOn.describe('Address on which devices connect by plain TCP; loopback until told otherwise.'),
    port: Port.default(1883).describe('TCP port for MQTT 3.1.1; 0 takes a free one.'),
    tls: z
      .strictObject({
        host: ListenOn.describe('With any setting of `mqtt.tls`, devices also connect by TLS: at this address.'),
        port: Port.default(8883).describe('Port for MQTT by TLS.'),
        certificateFile: File.optional().describe(
          "PEM file of a certificate of your own, with its chain; absent: the gateway's authority makes one.",
        ),
        keyFile: File.optional().describe('PEM file with its private key.'),
      })
      .refine((tls) => (tls.certificateFile === undefined) === (tls.keyFile === undefined), {
        path: ['certificateFile'],
        error: 'mqtt.tls.certificateFile and mqtt.tls.keyFile go together',
      })
      .optional(),
    webSocket: z
      .strictObject({
        host: ListenOn.describe(
          'With any setting of `mqtt.webSocket`, devices also connect by WebSocket, path `/mqtt`: at this address. With `mqtt.tls` it is wss.',
        ),
        port: Port.default(9001).describe('Port for MQTT by WebSocket.'),
      })
      .optional(),
    allowPlainText: z
      .boolean()
      .default(false)
      .describe('Whether a listener beyond loopback may go without TLS: passwords can then be read on the network.'),
    announce: z
      .boolean()
      .default(true)
      .describe('Whether the network is told by mDNS where devices connect; never of loopback.'),
    limits: BrokerLimits.prefault({}),
  })
  .check(({ value, issues }) => {
    const plain = [
      { path: ['host'], host: value.host },
      { path: ['webSocket', 'host'], host: value.tls === undefined ? value.webSocket?.host : undefined },
    ]
    for (const { path, host } of plain) {
      if (value.allowPlainText || host === undefined || isLoopback(host)) continue
      const message =
        `on ${host} devices would send their passwords over the network in plain text: set mqtt.tls.host, or allow it ` +
        'with mqtt.allowPlainText: true'
      issues.push({ code: 'custom', input: host, path, message })
    }
  })

/** Every setting of `adept.yaml`, with its default and its meaning; the README's table is made from this. */
export const Config = z.strictObject({
  home: z
    .strictObject({
      id: HomeId.default('home').describe('Name of the home that this gateway serves.'),
      timeZone: z
        .string()
        .refine(isTimeZone, 'not a time zone of the IANA list, such as Europe/Berlin')
        .default('UTC')
        .describe('Time zone of the home, an IANA name.'),
    })
    .prefault({}),
  mqtt: Mqtt.prefault({}),
  http: z
    .strictObject({
      port: Port.default(8787).describe('Port of the API and the dashboard on 127.0.0.1; 0 takes a free one.'),
    })
    .prefault({}),
  chain: z
    .discriminatedUnion('kind', [
      z.strictObject({
        kind: z
          .literal('embedded')
          .describe('`embedded`: a development chain with a test dollar, beside the gateway. `rpc`: any other chain.'),
      }),
      z.strictObject({
        kind: z.literal('rpc'),
        rpcUrl: HttpUrl.describe('JSON-RPC endpoint of the chain.'),
        chainId: z.int().positive().describe('Id that the endpoint must answer with.'),
        escrow: Address.describe('Address of the deployed OrderEscrow.'),
        token: Address.describe('Address of the ERC-20 token that orders are paid in.'),
        confirmations: z.int().min(0).max(256).default(2).describe('Blocks above a log before it counts.'),
        maxFeeGwei: z.number().positive().default(100).describe('Highest fee per gas that the relayer pays.'),
      }),
    ])
    .default({ kind: 'embedded' }),
  seller: z
    .strictObject({
      url: HttpUrl.default('http://127.0.0.1:8788').describe(
        'Merchant agent that `adept mandate sign` asks for prices.',
      ),
    })
    .prefault({}),
  orders: z
    .strictObject({
      inspectionHours: z
        .number()
        .min(0)
        .max(72)
        .default(24)
        .describe('Time to look at delivered goods before they are confirmed; `adept order received` ends it.'),
    })
    .prefault({}),
  retention: z
    .strictObject({
      rawDays: z
        .number()
        .min(1)
        .max(3_650)
        .default(30)
        .describe('Days for which each single reading is kept; its hour is kept for ever.'),
      rawReadings: z
        .int()
        .min(10_000)
        .default(20_000_000)
        .describe('Single readings that are kept at most, some 200 bytes each; beyond it the oldest go earlier.'),
    })
    .prefault({}),
  notify: z
    .strictObject({
      webhookUrl: HttpUrl.optional().describe(
        'Each entry of the feed is sent there as JSON, with its id, until it is answered 2xx.',
      ),
      aliveUrl: HttpUrl.optional().describe(
        'Asked again and again while the gateway is ready, such as a check of healthchecks.io: who is behind it tells you when nothing comes any more.',
      ),
      aliveEveryMinutes: z.number().min(0.1).max(1_440).default(5).describe('How often `notify.aliveUrl` is asked.'),
      statusBroker: z
        .strictObject({
          url: z
            .url({ protocol: /^mqtts?$/, error: 'expected an address that begins with mqtt:// or mqtts://' })
            .describe(
              "Another MQTT broker of the house, such as Home Assistant's: keeps `online` or `offline` on `adept/gateway/<home>/status`, retained, and says `offline` when the gateway is gone.",
            ),
          username: z.string().min(1).max(256).optional().describe('User name there.'),
          password: z.string().min(1).max(1_024).optional().describe('Password there.'),
          caFile: File.optional().describe('PEM file of the authority that signed its certificate.'),
        })
        .optional(),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
        .default('info')
        .describe('Least severity that is logged, as JSON lines on standard error.'),
      file: File.optional().describe(
        'File that is logged to instead, below the data folder unless it begins with /; systemd keeps and rotates standard error by itself.',
      ),
      fileMegabytes: z
        .number()
        .min(0.01)
        .max(1_024)
        .default(10)
        .describe('Size at which that file is renamed to `<file>.1`; it and four before it are kept.'),
    })
    .prefault({}),
})
export type Config = z.infer<typeof Config>
