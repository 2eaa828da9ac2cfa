import { compileSources, type Node } from './compiler.ts'

/** NatSpec of one declaration: the text of each tag, by tag; `param` by name. */
type Tags = { [tag: string]: string } & { params: Record<string, string> }

export type Declaration = { node: Node; file: string; tags: Tags }

/** One place at which a verb can end with an error; `when` is empty when it always does there. */
export type Revert = { error: Node; when: string }

/** What a verb can do, over every function that it calls. */
type Effects = {
  reverts: Revert[]
  events: Node[]
  /** Functions of other contracts that are called without a `try`: their errors come through. */
  passesOn: string[]
  /** Functions of our own that are called by their selector, so that an error of theirs ends nothing. */
  catches: string[]
}

/** The syntax trees of our sources and of what they import. */
export class Program {
  readonly #sources: Record<string, Buffer> = {}
  readonly #byId = new Map<number, Declaration>()
  readonly #parents = new Map<Node, Node>()

  constructor(sources: Record<string, string>, readImport: (path: string) => string) {
    const settings = { outputSelection: { '*': { '': ['ast'] } } }
    for (const [file, { ast }] of Object.entries(compileSources(sources, settings).sources)) {
      this.#sources[file] = Buffer.from(sources[file] ?? readImport(file))
      this.#index(ast!, file)
    }
  }

  /** Contracts of our own that can be deployed. */
  contracts(): Declaration[] {
    return [...this.#byId.values()].filter(
      ({ node, file }) =>
        node.nodeType === 'ContractDefinition' &&
        node['contractKind'] === 'contract' &&
        node['abstract'] === false &&
        file.startsWith('src/'),
    )
  }

  /** Functions and other members of a contract and of its bases, bases first; what is overridden is left out. */
  members(contract: Node, nodeType: string): Declaration[] {
    const overridden = new Set<unknown>()
    const found: Declaration[] = []
    for (const base of contract['linearizedBaseContracts'] as number[]) {
      const members = (this.#byId.get(base)!.node['nodes'] as Node[]).filter((it) => it.nodeType === nodeType)
      for (const it of members) {
        for (const id of (it['baseFunctions'] as number[] | undefined) ?? []) overridden.add(id)
      }
      found.unshift(...members.filter((it) => !overridden.has(it.id)).map((it) => this.#byId.get(it.id)!))
    }
    return found
  }

  declaration(id: number): Declaration {
    return this.#byId.get(id)!
  }

  textOf(node: Node): string {
    const file = this.#fileOf(node)
    const [start, length] = node.src.split(':').map(Number)
    return this.#sources[file]!.subarray(start!, start! + length!)
      .toString()
      .replace(/\s+/g, ' ')
  }

  /** The `///` lines right above a member of a struct or enum, which solc does not keep. */
  commentAbove(node: Node): string {
    const [start] = node.src.split(':').map(Number)
    const above = this.#sources[this.#fileOf(node)]!.subarray(0, start).toString().split('\n').slice(0, -1)
    const lines: string[] = []
    while (above.at(-1)?.trim().startsWith('///'))
      lines.unshift(
        above
          .pop()!
          .trim()
          .replace(/^\/\/\/\s*/, ''),
      )
    return lines.join(' ')
  }

  /** All that a call of `verb` on `contract` can end in or log, in the order of the text. */
  effects(contract: Node, verb: Node): Effects {
    const effects: Effects = { reverts: [], events: [], passesOn: [], catches: [] }
    this.#collect(contract, verb, effects, new Set())
    return effects
  }

  #collect(contract: Node, declaration: Node, effects: Effects, seen: Set<number>): void {
    if (seen.has(declaration.id)) return
    seen.add(declaration.id)
    walk(declaration, (node) => {
      if (node.nodeType === 'RevertStatement') {
        const error = this.#called(node['errorCall'] as Node)
        if (error) effects.reverts.push({ error: error.node, when: this.#conditionOf(node) })
      }
      if (node.nodeType === 'EmitStatement') {
        const event = this.#called(node['eventCall'] as Node)?.node
        if (event && !effects.events.includes(event)) effects.events.push(event)
      }
      if (node.nodeType === 'ModifierInvocation') {
        const id = (node['modifierName'] as Node)['referencedDeclaration'] as number
        this.#collect(contract, this.declaration(id).node, effects, seen)
      }
      if (node.nodeType === 'FunctionCall') this.#collectCall(contract, node, effects, seen)
      if (node['memberName'] === 'selector') this.#collectCaught(contract, node['expression'] as Node, effects)
    })
  }

  /** What a function logs whose selector is asked for: somebody is about to call it with bytes. */
  #collectCaught(contract: Node, callee: Node, effects: Effects): void {
    const target = this.#byId.get(callee['referencedDeclaration'] as number)?.node
    if (target?.nodeType !== 'FunctionDefinition' || target['implemented'] !== true) return
    const name = target['name'] as string
    if (effects.catches.includes(name)) return
    effects.catches.push(name)
    effects.events.push(...this.effects(contract, target).events.filter((it) => !effects.events.includes(it)))
  }

  #collectCall(contract: Node, call: Node, effects: Effects, seen: Set<number>): void {
    const target = this.#called(call)
    if (target?.node.nodeType !== 'FunctionDefinition') return
    const home = this.#parents.get(target.node)!
    const name = `${home['name']}.${target.node['name']}`
    const isTried = this.#parents.get(call)?.nodeType === 'TryStatement'
    // SafeERC20 calls by assembly and lets the token's error through, except where it only tries.
    const isSafe = home['name'] === 'SafeERC20' && /^safe/.test(target.node['name'] as string)
    if ((isSafe || home['contractKind'] === 'interface') && !isTried && !effects.passesOn.includes(name)) {
      effects.passesOn.push(name)
    }
    if (home['contractKind'] !== 'interface')
      this.#collect(contract, this.#resolve(contract, call, target.node), effects, seen)
  }

  /** The function that runs: an override of the contract, unless the call says `super` or names a base. */
  #resolve(contract: Node, call: Node, target: Node): Node {
    if (target['virtual'] !== true || (call['expression'] as Node).nodeType === 'MemberAccess') return target
    const same = this.members(contract, 'FunctionDefinition').find(
      ({ node }) => node['name'] === target['name'] && parameterTypes(node) === parameterTypes(target),
    )
    return same?.node ?? target
  }

  #called(call: Node): Declaration | undefined {
    let callee = call['expression'] as Node
    if (callee.nodeType === 'FunctionCallOptions') callee = callee['expression'] as Node
    return this.#byId.get(callee['referencedDeclaration'] as number)
  }

  /** Conditions of the `if`s around a statement, outermost first. */
  #conditionOf(statement: Node): string {
    const conditions: string[] = []
    for (let node = statement; ; ) {
      const parent = this.#parents.get(node)
      if (parent === undefined || parent.nodeType === 'FunctionDefinition') return conditions.join(' and ')
      if (parent.nodeType === 'IfStatement') {
        const condition = this.textOf(parent['condition'] as Node)
        conditions.unshift(parent['trueBody'] === node ? condition : `not (${condition})`)
      }
      node = parent
    }
  }

  #index(root: Node, file: string): void {
    walk(root, (node, parent) => {
      if (parent) this.#parents.set(node, parent)
      this.#byId.set(node.id, { node, file, tags: tagsOf(node) })
    })
  }

  #fileOf(node: Node): string {
    return this.#byId.get(node.id)!.file
  }
}

/** Types of a function's parameters, to tell overloads apart. */
function parameterTypes(definition: Node): string {
  const parameters = (definition['parameters'] as Node)['parameters'] as Node[]
  return parameters.map((it) => (it['typeDescriptions'] as { typeString: string }).typeString).join(',')
}

function tagsOf(node: Node): Tags {
  const text = (node['documentation'] as { text?: string } | null | undefined)?.text?.trim() ?? ''
  const tags: Tags = { params: {} } as Tags
  // A text without a tag is the notice.
  for (const part of ` ${text.startsWith('@') ? '' : '@notice '}${text}`.split(/\s@(?=[a-z])/).slice(1)) {
    const [, tag, content] = /^(\S+)\s*(.*)$/s.exec(part)!
    const plain = content!.replace(/\s+/g, ' ').trim()
    const [name, ...rest] = plain.split(' ')
    if (tag === 'param') tags.params[name!] = rest.join(' ')
    else tags[tag!] = plain
  }
  return tags
}

function walk(node: Node, visit: (node: Node, parent: Node | undefined) => void, parent?: Node): void {
  visit(node, parent)
  for (const child of Object.values(node).flat()) {
    if (typeof child === 'object' && child !== null && 'nodeType' in child && 'src' in child) {
      walk(child as Node, visit, node)
    }
  }
}
