/** A QR code for the terminal, dark on light whatever the terminal's colours are. */
export async function qrCode(text: string): Promise<string> {
  const { renderUnicodeCompact } = await import('uqr')
  const lines = renderUnicodeCompact(text, { border: 2 }).split('\n')
  // Only a terminal knows colours; a file gets the characters alone.
  return process.stdout.isTTY ? lines.map((line) => `\u001b[97;40m${line}\u001b[0m`).join('\n') : lines.join('\n')
}
