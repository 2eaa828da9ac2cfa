#!/usr/bin/env node
// Plain JavaScript that any Node understands: older ones would stop at the first type with a syntax error.
const [major, minor] = process.versions.node.split('.').map(Number)
if (major > 22 || (major === 22 && minor >= 18)) {
  const { runAdept } = await import('./adept.ts')
  await runAdept(process.argv.slice(2))
} else {
  console.error(
    `adept needs Node 22.18 or newer, and this is Node ${process.versions.node}. In the project's folder, \`npx adept\` takes the right one.`,
  )
  process.exitCode = 2
}
