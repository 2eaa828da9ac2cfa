// The dashboard: reads the API with the token, follows the feed, and shows devices and orders anew when it moves.

const FEED_ENTRIES_SHOWN = 50
const ORDERS_SHOWN = 20
const REFRESH_MS = 10_000
const RECONNECT_MS = 3_000

const byId = (id) => document.getElementById(id)
const token = takeToken()
let lastFeedId = 0
let refreshing
let refreshAgain = false
let pairingCode = ''
const shown = new Map()

/** The token comes once in the fragment (`/#token=…`), which no server sees, and stays with this tab. */
function takeToken() {
  const fromFragment = new URLSearchParams(location.hash.slice(1)).get('token')
  if (fromFragment) {
    sessionStorage.setItem('token', fromFragment)
    history.replaceState(null, '', location.pathname)
  }
  return sessionStorage.getItem('token')
}

async function call(path, body) {
  const response = await fetch(path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  const answer = await response.json()
  if (!response.ok) throw new Error(answer.error)
  return answer
}

/** An element; `text` never becomes markup. */
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value)
  node.append(...children.filter((child) => child !== undefined))
  return node
}

function timeElement(atMs) {
  const at = new Date(atMs)
  return element('time', { datetime: at.toISOString() }, at.toLocaleString())
}

function slotElement(slot) {
  const { description, level } = slot
  const capacity = description?.capacity
  const known = level && level.mark !== 'unknown' && capacity
  const amount = level ? `${level.remaining} of ${capacity ?? '?'} ${level.unit}` : 'no level yet'
  return element(
    'div',
    {},
    element('div', { class: 'row' }, element('span', {}, slot.slot), element('span', { class: 'quiet' }, amount)),
    known
      ? element(
          'meter',
          { min: 0, max: capacity, low: capacity / 5, value: level.remaining, 'aria-label': `${slot.slot}: ${amount}` },
          amount,
        )
      : undefined,
    element(
      'p',
      { class: 'quiet' },
      `Mode ${slot.mode}`,
      level?.markReason ? `, ${level.mark}: ${level.markReason}` : '',
    ),
    slot.suspendedReason ? element('p', { class: 'warning' }, `Buys nothing: ${slot.suspendedReason}`) : undefined,
    slot.lastDecision && !slot.suspendedReason && !level?.markReason
      ? element('p', { class: 'quiet' }, slot.lastDecision)
      : undefined,
  )
}

/** Does what `act` does, and shows the sentence that comes of it. */
function buttonElement(label, act) {
  const button = element('button', { type: 'button' }, label)
  button.addEventListener('click', async () => {
    button.disabled = true
    try {
      const sentence = await act()
      if (sentence) show(sentence)
    } catch (error) {
      show(error.message)
    }
    await refresh()
    button.disabled = false
  })
  return button
}

async function removeDevice(deviceId) {
  if (!confirm(`Remove ${deviceId}? It is disconnected for good, and its mandate is revoked.`)) return undefined
  return (await call(`/v1/devices/${deviceId}/remove`, {})).sentence
}

function deviceElement(device) {
  return element(
    'article',
    { class: 'card' },
    element(
      'div',
      { class: 'row' },
      element('h3', {}, device.deviceId),
      element('span', { class: device.status === 'online' ? 'state' : 'quiet' }, device.status),
    ),
    device.maker ? element('p', { class: 'quiet' }, `${device.maker} ${device.model}`) : undefined,
    ...device.slots.map(slotElement),
    device.slots.length === 0 ? element('p', { class: 'quiet' }, 'It has not described itself yet.') : undefined,
    buttonElement('Remove', () => removeDevice(device.deviceId)),
  )
}

async function openPairing() {
  const { code, addresses } = await call('/v1/pairing', {})
  pairingCode = `Code ${code} for the user name "pairing" at ${addresses.map(({ url }) => url).join(', ')}`
}

/** The code is known only to the page that opened the window. */
function showPairing(pairing) {
  const until = pairing?.isOpen ? `until ${new Date(pairing.endsAtMs).toLocaleTimeString()}.` : ''
  byId('pairing').textContent = pairing?.isOpen
    ? `${pairingCode || 'A pairing window is open'}, ${until}`
    : (pairing?.ended ?? '')
}

const DISPUTE = ['Something is wrong', 'dispute', {}]

/** What a person may do to an order as it is shown; a yes names the price that was seen. */
const ACTIONS = {
  'awaiting-consent': (order) => [
    ['Buy it', 'consent', { answer: 'yes', seenMinorUnits: order.quote.totalMinorUnits }],
    ['Do not buy', 'consent', { answer: 'no' }],
  ],
  authorized: () => [['Cancel', 'cancel', {}]],
  due: () => [['Cancel', 'cancel', {}]],
  shipped: () => [['It has arrived', 'received', {}], DISPUTE],
  delivered: () => [['It is all right', 'received', {}], DISPUTE],
}

function stepElement(step) {
  const money = step.amount ? ` (${step.amount})` : ''
  return element('li', {}, timeElement(step.atMs), `${step.toState}: ${step.reason}${money}`)
}

function orderElement(order, isOpen) {
  const details = element(
    'details',
    isOpen ? { open: '' } : {},
    element('summary', {}, 'Why, and each step'),
    ...order.reasons.map((reason) => element('p', {}, reason)),
    element('ol', {}, ...order.steps.map(stepElement)),
  )
  const name = order.quote?.productName ?? `GTIN ${order.gtin}`
  return element(
    'article',
    { class: 'card', 'data-order': order.orderId },
    element(
      'div',
      { class: 'row' },
      element('h3', {}, `${order.quantity} × ${name}`),
      element('span', { class: 'state' }, order.state),
    ),
    element('p', { class: 'quiet' }, `${order.deviceId} ${order.slot}, ${order.quote?.total ?? 'no price yet'}`),
    details,
    ...(ACTIONS[order.state]?.(order) ?? []).map(([label, verb, body]) =>
      buttonElement(label, async () => (await call(`/v1/orders/${order.orderId}/${verb}`, body)).sentence),
    ),
  )
}

function feedElement(entry) {
  return element('li', {}, timeElement(entry.atMs), entry.text)
}

function show(sentence) {
  byId('status').textContent = sentence
}

/** Shows a list; one that did not change stays as it is, so that nobody loses the place of the keyboard. */
function replace(id, items, toElement, emptySentence) {
  const json = JSON.stringify(items)
  if (shown.get(id) === json) return
  shown.set(id, json)
  const nodes = items.length > 0 ? items.map(toElement) : [element('p', { class: 'quiet' }, emptySentence)]
  byId(id).replaceChildren(...nodes)
}

async function refreshOnce() {
  const [{ devices }, { orders }, { pairing }] = await Promise.all([
    call('/v1/devices'),
    call(`/v1/orders?limit=${ORDERS_SHOWN}`),
    call('/v1/pairing'),
  ])
  showPairing(pairing)
  const open = new Set([...document.querySelectorAll('details[open]')].map((it) => it.closest('article').dataset.order))
  replace('devices', devices, deviceElement, 'No device yet.')
  replace('orders', orders, (order) => orderElement(order, open.has(order.orderId)), 'No order yet.')
}

/** What the gateway itself says it cannot do now; an answer of another kind is told by the others. */
async function showReadiness() {
  const { error = '' } = await fetch('/readyz').then((response) => response.json())
  byId('not-ready').textContent = error
  byId('not-ready').hidden = error === ''
}

/** One refresh at a time; what changes during it is seen by one more. */
function refresh() {
  refreshAgain = true
  refreshing ??= (async () => {
    try {
      while (refreshAgain) {
        refreshAgain = false
        await refreshOnce()
      }
    } finally {
      refreshing = undefined
    }
  })()
  return refreshing
}

function addToFeed(entry) {
  if (entry.notificationId <= lastFeedId) return
  lastFeedId = entry.notificationId
  byId('feed').prepend(feedElement(entry))
  while (byId('feed').children.length > FEED_ENTRIES_SHOWN) byId('feed').lastElementChild.remove()
}

/** Reads the live stream until it ends; `EventSource` could not send the token. */
async function followFeed() {
  const response = await fetch(`/v1/feed/stream?after=${lastFeedId}`, { headers: { authorization: `Bearer ${token}` } })
  if (!response.ok) throw new Error((await response.json()).error)
  show('Connected.')
  let text = ''
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (text + chunk).split('\n\n')
    text = blocks.pop()
    const entries = blocks.flatMap((block) => /^data: (.*)$/m.exec(block)?.[1] ?? []).map((json) => JSON.parse(json))
    entries.forEach(addToFeed)
    if (entries.length > 0) await refresh()
  }
}

async function run() {
  if (!token) return show('Open this page as /#token=… with the content of the file `token` in the data folder.')
  for (;;) {
    try {
      await refresh()
      byId('content').hidden = false
      for (const entry of (await call(`/v1/feed?limit=${FEED_ENTRIES_SHOWN}`)).feed) addToFeed(entry)
      await followFeed()
    } catch (error) {
      show(error instanceof TypeError ? 'The gateway does not answer. Trying again.' : error.message)
    }
    await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS))
  }
}

byId('pair').append(buttonElement('Pair a device', openPairing))
setInterval(() => document.hidden || showReadiness().catch(() => undefined), REFRESH_MS)
setInterval(
  () => document.hidden || byId('content').hidden || refresh().catch((error) => show(error.message)),
  REFRESH_MS,
)
void showReadiness().catch(() => undefined)
await run()
