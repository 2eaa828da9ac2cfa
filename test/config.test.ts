import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Config } from '../gateway/config/schema.ts'
import { ConfigError, dataFolderFrom, loadConfig } from '../gateway/config.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'))
  file = join(folder, 'adept.yaml')
})
afterEach(() => rmSync(folder, { recursive: true }))

it('is all defaults without a file, and the environment goes before the file', () => {
  expect(loadConfig(folder, {})).toEqual(Config.parse({}))
  writeFileSync(file, 'mqtt: { port: 1 }\norders: { inspectionHours: 3 }\n')
  const config = loadConfig(folder, { ADEPT_MQTT_PORT: '2', ADEPT_DATA: folder, HOME: '/' })
  expect(config).toMatchObject({ mqtt: { port: 2 }, orders: { inspectionHours: 3 } })
})

it.each([
  ['mqtt: [', {}, /adept\.yaml is not valid YAML/],
  ['- mqtt', {}, /must hold settings such as "mqtt:", not a list/],
  ['mqtt', {}, /not only the value "mqtt"/],
  ['mqtt: { port: 1883x }', {}, /^mqtt\.port in .*adept\.yaml \(or ADEPT_MQTT_PORT in the environment\): .*number/],
  [
    'notify: { statusBroker: { url: "http://broker" } }',
    {},
    /^notify\.statusBroker\.url in .*adept\.yaml \(or ADEPT_NOTIFY_STATUS_BROKER_URL in the environment\): .*mqtt:\/\//,
  ],
  ['mqtt: { prot: 1883 }', {}, /^mqtt in .*adept\.yaml: .*"prot"/],
  ['mqtt: { port: 1883 }', { ADEPT_MQTT_PORT: 'x' }, /^ADEPT_MQTT_PORT in the environment \(mqtt\.port\): .*number/],
  [
    '',
    { ADEPT_MQTT_PROT: '1' },
    /^ADEPT_MQTT_PROT .*names no setting\. There are ADEPT_MQTT_HOST, ADEPT_MQTT_PORT, .*\.$/,
  ],
  ['', { ADEPT_PORT: '1' }, /ADEPT_HOME_ID.*ADEPT_LOG_LEVEL/],
  ['notify: { webhookUrl: "localhost:99" }', {}, /notify\.webhookUrl.*begins with http/],
  ['seller: { url: "ftp://shop" }', {}, /seller\.url.*begins with http/],
  ['', { ADEPT_CHAIN_KIND: 'rpc', ADEPT_CHAIN_RPC_URL: 'file:///x' }, /ADEPT_CHAIN_RPC_URL.*begins with http/],
  [
    'mqtt: { host: 0.0.0.0 }',
    {},
    /^mqtt\.host in .*: on 0\.0\.0\.0 .* plain text: set mqtt\.tls\.host, .*allowPlainText: true\.$/,
  ],
  ['mqtt: { webSocket: { host: 0.0.0.0 } }', {}, /^mqtt\.webSocket\.host in .*plain text/],
  ['mqtt: { tls: { certificateFile: a.pem } }', {}, /certificateFile and mqtt\.tls\.keyFile go together/],
  ['mqtt:\n  tls:\n    # port: 1', {}, /^mqtt\.tls in .* has no setting below it: give it one/],
  ['', { ADEPT_MQTT_ANNOUNCE: 'no' }, /^ADEPT_MQTT_ANNOUNCE in the environment .*boolean/],
  ['', { ADEPT_CHAIN_KIND: 'other' }, /ADEPT_CHAIN_KIND in the environment/],
])('says what is wrong in %j with %j', (text, env, sentence) => {
  writeFileSync(file, text)
  expect(() => loadConfig(folder, env)).toThrow(ConfigError)
  expect(() => loadConfig(folder, env)).toThrow(sentence)
})

it('listens beyond loopback with TLS, or in plain text where that is allowed', () => {
  writeFileSync(file, 'mqtt: { tls: { host: 0.0.0.0 }, webSocket: { host: 0.0.0.0 } }\n')
  expect(loadConfig(folder, {}).mqtt).toMatchObject({
    host: '127.0.0.1',
    tls: { host: '0.0.0.0', port: 8883 },
    webSocket: { host: '0.0.0.0', port: 9001 },
  })
  const allowed = { ADEPT_MQTT_HOST: '0.0.0.0', ADEPT_MQTT_ALLOW_PLAIN_TEXT: 'true' }
  writeFileSync(file, '')
  const { mqtt } = loadConfig(folder, allowed)
  expect(mqtt.host).toBe('0.0.0.0')
  expect(mqtt).not.toHaveProperty('tls')
})

it('takes ~ for the home of the user, as a shell would have', () => {
  expect(dataFolderFrom('~/xx')).toBe(join(homedir(), 'xx'))
  expect(dataFolderFrom('/a/~/b')).toBe('/a/~/b')
})
