import { createRequire } from 'node:module'

/** The binary of a Foundry tool, from npm's package for this platform: its own launcher would be one more process. */
export function foundryBinary(tool: 'anvil' | 'forge'): string {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch
  const file = process.platform === 'win32' ? `${tool}.exe` : tool
  const name = `@foundry-rs/${tool}-${process.platform}-${arch}`
  try {
    return createRequire(import.meta.url).resolve(`${name}/bin/${file}`)
  } catch (cause) {
    throw new Error(`npm has not installed ${name}: ${tool} does not exist for this platform.`, { cause })
  }
}
