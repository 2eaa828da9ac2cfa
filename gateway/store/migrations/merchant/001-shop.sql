-- The merchant agent's rows. Times are ms since 1970 unless the name says seconds; money is TEXT of whole token minor
-- units; hashes and addresses are lower-case 0x-hex TEXT.

-- Quotes that bind the shop: one per attempt of an order of a buyer; deleted once expired (an accepted order keeps its own copy).
CREATE TABLE quotes (
  order_id TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  buyer TEXT NOT NULL,
  signed TEXT NOT NULL,
  valid_before_seconds INTEGER NOT NULL,
  PRIMARY KEY (order_id, attempt, buyer)
) STRICT;
CREATE INDEX quotes_expiring ON quotes (valid_before_seconds);

CREATE TABLE orders (
  order_number INTEGER PRIMARY KEY AUTOINCREMENT,
  authorization_id TEXT NOT NULL UNIQUE,
  -- a quote is the acceptance of one authorization only
  quote_hash TEXT NOT NULL UNIQUE,
  quote TEXT NOT NULL,
  terms TEXT NOT NULL,
  gtin14 TEXT NOT NULL,
  quantity INTEGER NOT NULL,
  state TEXT NOT NULL,
  held_since_seconds INTEGER NOT NULL,
  -- saved before `ship` is signed: the hash of `notice` is what goes on chain
  carrier TEXT,
  sscc TEXT,
  notice TEXT,
  shipment TEXT,
  confirmed_amount TEXT,
  confirmation_signature TEXT,
  tx_hash TEXT,
  -- when the worker looks at it next without being asked; NULL: only when something happens
  next_at_ms INTEGER,
  failures INTEGER NOT NULL DEFAULT 0,
  problem TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX orders_due ON orders (next_at_ms) WHERE next_at_ms IS NOT NULL;
CREATE INDEX orders_of_product ON orders (gtin14, state);

CREATE TABLE order_steps (
  step_id INTEGER PRIMARY KEY,
  authorization_id TEXT NOT NULL REFERENCES orders (authorization_id),
  from_state TEXT,
  to_state TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  reason TEXT NOT NULL
) STRICT;
CREATE INDEX steps_of_order ON order_steps (authorization_id, step_id);

-- Sign, save, send: as in the gateway's schema, so that both share one store.
CREATE TABLE transactions (
  tx_hash TEXT PRIMARY KEY,
  sender TEXT NOT NULL,
  nonce INTEGER NOT NULL,
  purpose TEXT NOT NULL,
  raw TEXT NOT NULL,
  -- sent → included | reverted | replaced | lost
  state TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  block_number INTEGER,
  block_hash TEXT
) STRICT;
CREATE INDEX transactions_of_nonce ON transactions (sender, nonce);
CREATE UNIQUE INDEX transactions_open ON transactions (sender, nonce) WHERE state = 'sent';
