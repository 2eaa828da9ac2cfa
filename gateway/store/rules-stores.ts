import type { HomeStore } from '../ports/homes.ts'
import type { HistoryStore, RulesStore, RulesVersionStore, SpendingStore, StockStore } from '../ports/rules.ts'
import type { Db } from './database.ts'
import { sqliteHistoryStore } from './history.ts'
import { sqliteHomeStore } from './homes.ts'
import type { Channel } from './notifications.ts'
import { sqliteRulesStore } from './rules.ts'
import { sqliteRulesVersionStore } from './rules-versions.ts'
import { sqliteSpendingStore } from './spending.ts'
import { sqliteStockStore } from './stock.ts'

/** All that the rules keep and read, over the gateway's database. */
export function sqliteRulesStores(
  db: Db,
  channels: readonly Channel[],
): {
  rules: RulesStore
  versions: RulesVersionStore
  history: HistoryStore
  spending: SpendingStore
  stock: StockStore
  homes: HomeStore
} {
  return {
    rules: sqliteRulesStore(db, channels),
    versions: sqliteRulesVersionStore(db, channels),
    history: sqliteHistoryStore(db),
    spending: sqliteSpendingStore(db),
    stock: sqliteStockStore(db),
    homes: sqliteHomeStore(db),
  }
}
