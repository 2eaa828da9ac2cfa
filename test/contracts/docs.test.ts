import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CompileError } from '../../contracts/compiler.ts'
import { applyMutant, findMutants } from '../../contracts/mutants.ts'
import { pagesOf } from '../../contracts/pages.ts'

const read = (path: string) => readFileSync(new URL(`../../contracts/${path}`, import.meta.url), 'utf8')
const rowsIn = (text: string) => [...text.matchAll(/\| \d+ \|.*\|$/gm)].map(([row]) => row)

describe('the accounting page', () => {
  it('has the examples of the Forge tests, row by row', () => {
    const page = read('docs/accounting.md').split('\n## ').slice(1)
    const examples = page.map((section) => [/`(test_\w+)`/.exec(section)?.[1], rowsIn(section)])

    const bodies = new Map(
      [...read('test/docs/accounting.t.sol').matchAll(/ {4}function (\w+)\(.*?\n {4}}\n/gs)].map(([body, name]) => [
        name!,
        body,
      ]),
    )
    const tests = [...bodies]
      .filter(([name]) => name.startsWith('test_'))
      .map(([name, body]) => {
        const helper = /\b(_authorizeAndShip\w+)\(/.exec(body)?.[1]
        return [name, [...rowsIn(helper === undefined ? '' : bodies.get(helper)!), ...rowsIn(body)]]
      })
    expect(tests.length).toBeGreaterThan(0)
    expect(examples).toEqual(tests)
  })
})

const SOURCE = `// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Counts.
contract Counter {
    /// @notice It went up.
    event Raised(uint256 by);
    /// @notice Too much at once.
    error TooMuch(uint256 by, uint256 maximum);
    /// @notice Nobody calls this far.
    error Unused();

    uint256 public count;

    /// @notice Adds.
    /// @custom:who Anyone.
    /// @custom:when Any time.
    /// @custom:state count + by.
    function raise(uint256 by) external {
        _check(by, 5);
        count += by;
        emit Raised(by);
    }

    function _check(uint256 by, uint256 maximum) private pure {
        if (by > maximum) revert TooMuch(by, maximum);
    }
}
`

describe('a page of a verb', () => {
  const text = () => pagesOf({ 'src/Counter.sol': SOURCE }).get('Counter/raise.md')

  it('tells who may when, and the state', () => {
    expect(text()).toContain('| **Who** | Anyone. |')
    expect(text()).toContain('| **State** | count + by. |')
  })

  it('names the errors and logs that a call can reach, with their condition, and no other', () => {
    expect(text()).toContain('| `TooMuch(uint256 by, uint256 maximum)` | `by > maximum` | Too much at once. |')
    expect(text()).toContain('- `Raised(uint256 by)` It went up.')
    expect(text()).not.toContain('Unused')
  })

  it('cannot be made without the facts', () => {
    const bare = SOURCE.replace('    /// @custom:who Anyone.\n', '').replace('    /// @notice Too much at once.\n', '')
    expect(() => pagesOf({ 'src/Counter.sol': bare })).toThrow(
      'contracts/src/Counter.sol: raise needs @custom:who (who may).\n' +
        'contracts/src/Counter.sol: TooMuch needs @notice.',
    )
  })

  it('is refused when the source does not compile', () => {
    expect(() => pagesOf({ 'src/Counter.sol': SOURCE.replace('uint256 by,', 'unit256 by,') })).toThrow(CompileError)
  })
})

describe('the faults of a source', () => {
  const mutants = findMutants({ 'src/Counter.sol': SOURCE }, ['src/Counter.sol'])

  it('are those of each comparison, number, operator, revert, write and log', () => {
    expect(mutants.map((it) => it.name.replace('Counter.sol ', ''))).toEqual([
      'raise: _check(by, 5); → {}',
      'raise: _check(by, 5) → _check(by, (5 + 1))',
      'raise: _check(by, 5) → _check(by, (5 - 1))',
      'raise: count += by; → {}',
      'raise: count += by → count -= by',
      'raise: emit Raised(by); → {}',
      '_check: by > maximum → by >= maximum',
      '_check: by > maximum → by <= maximum',
      '_check: revert TooMuch(by, maximum); → {}',
    ])
  })

  it('change the source in one place', () => {
    const faulty = applyMutant(SOURCE, mutants.find((it) => it.replacement === '>=')!)
    expect(faulty).toBe(SOURCE.replace('by > maximum', 'by >= maximum'))
  })
})
