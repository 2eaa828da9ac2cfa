import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { imageSha256 } from '../firmware/image.ts'
import { FlashError } from './programmer.ts'

const Release = z.object({
  version: z.string(),
  images: z.array(z.object({ sketch: z.string(), file: z.string(), sha256: z.string() })),
})

/** An image to write. `sha256` is what its board says in `hello`; `release` is undefined when it is somebody's own. */
export type Image = { file: string; sha256: string; release: { sketch: string; version: string } | undefined }

const FIRMWARE = join(import.meta.dirname, '../firmware')

/** Names of the released sketches. */
export function releasedSketches(): string[] {
  return readRelease().images.map(({ sketch }) => sketch)
}

/**
 * The image of that name (`LoadCell`) or in that file (`.hex` for an ATmega328P, `.bin` for an ESP32), its hash compared with
 * the release. Throws a FlashError when a released image is not what was released, or there is no such image.
 */
export function findImage(nameOrFile: string): Image {
  const { version, images } = readRelease()
  const named = images.find(({ sketch }) => sketch === nameOrFile)
  const file = named === undefined ? nameOrFile : join(FIRMWARE, named.file)
  if (!/\.(hex|bin)$/.test(file)) {
    throw new FlashError(
      `There is no image ${nameOrFile}. Take ${images.map(({ sketch }) => sketch).join(', ')}, or a file that ends in .hex or .bin.`,
    )
  }
  const sha256 = hashOfImage(file)
  if (named !== undefined && named.sha256 !== sha256) {
    throw new FlashError(
      `${file} is not the image that was released as ${named.sketch} ${version}: install the gateway anew.`,
    )
  }
  const released = images.find((image) => image.sha256 === sha256)
  return { file, sha256, release: released && { sketch: released.sketch, version } }
}

/** What its board says in `hello`; of a `.bin` the plain hash. Throws a FlashError when the file is no image. */
export function hashOfImage(file: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch {
    throw new FlashError(`The image ${file} cannot be read: is its name right?`)
  }
  if (file.endsWith('.bin')) return createHash('sha256').update(bytes).digest('hex')
  try {
    return imageSha256(bytes.toString('latin1'))
  } catch (error) {
    throw new FlashError(`${file} is no image: ${(error as Error).message}`)
  }
}

function readRelease(): z.infer<typeof Release> {
  return Release.parse(JSON.parse(readFileSync(join(FIRMWARE, 'release.json'), 'utf8')))
}
