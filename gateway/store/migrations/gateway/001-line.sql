-- The line's rows. Times are ms since 1970 unless the name says seconds; money is TEXT of whole token minor units;
-- hashes and addresses are lower-case 0x-hex TEXT. Between two stages of the line there is always one of these rows.

CREATE TABLE homes (
  home_id TEXT PRIMARY KEY,
  time_zone TEXT NOT NULL
) STRICT;

CREATE TABLE devices (
  device_id TEXT PRIMARY KEY,
  home_id TEXT NOT NULL REFERENCES homes,
  secret_sha256 BLOB NOT NULL,
  key_address TEXT NOT NULL,
  key_sealed BLOB NOT NULL,
  added_at_ms INTEGER NOT NULL,
  status TEXT NOT NULL DEFAULT 'offline',
  status_at_ms INTEGER,
  description TEXT,
  described_at_ms INTEGER
) STRICT;

-- One consumable of one device: what it is, what the owner allowed, and its latest level.
-- `evaluate` is 1 from the commit that changed something until the rules have decided on it; `evaluate_at_ms` is when
-- they look again by themselves.
CREATE TABLE slots (
  device_id TEXT NOT NULL REFERENCES devices,
  slot TEXT NOT NULL,
  description TEXT,
  mode TEXT NOT NULL DEFAULT 'notify',
  confirmed_at_ms INTEGER,
  suspended_reason TEXT NOT NULL DEFAULT 'new slot: confirm it with `adept device confirm`',
  remaining REAL,
  unit TEXT,
  mark TEXT NOT NULL DEFAULT 'unknown',
  mark_reason TEXT NOT NULL DEFAULT 'no level yet',
  measured_at_ms INTEGER,
  reading_id INTEGER,
  -- what the next level is judged against (domain/plausibility.ts); NULL until a level above 0 was verified
  verified_remaining REAL,
  verified_at_ms INTEGER,
  lowest_remaining REAL,
  last_refill_at_ms INTEGER,
  low_told INTEGER NOT NULL DEFAULT 0,
  evaluate INTEGER NOT NULL DEFAULT 0,
  evaluate_at_ms INTEGER,
  PRIMARY KEY (device_id, slot)
) STRICT;
CREATE INDEX slots_to_evaluate ON slots (evaluate) WHERE evaluate = 1;
CREATE INDEX slots_to_evaluate_later ON slots (evaluate_at_ms) WHERE evaluate_at_ms IS NOT NULL;

-- Every report of a device, once: (device, session, seq) is unique by the sessions table's marks, kept in the same commit.
CREATE TABLE readings (
  reading_id INTEGER PRIMARY KEY,
  session_key INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  kind INTEGER NOT NULL, -- 0 consumable, 1 telemetry, 2 event
  measured_at_ms INTEGER NOT NULL,
  gateway_time INTEGER NOT NULL, -- 1: the device gave no usable time, measured_at_ms is when it was received
  received_at_ms INTEGER NOT NULL,
  slot TEXT,
  remaining REAL,
  mark TEXT,
  mark_reason TEXT,
  body TEXT NOT NULL
) STRICT;

-- Which seqs of a session are stored: all up to high_water, and the ranges in `above` beyond a gap (JSON [[first, last], …]).
CREATE TABLE sessions (
  session_key INTEGER PRIMARY KEY,
  device_id TEXT NOT NULL,
  session TEXT NOT NULL,
  high_water INTEGER NOT NULL,
  above TEXT NOT NULL DEFAULT '[]',
  last_seen_at_ms INTEGER NOT NULL,
  UNIQUE (device_id, session)
) STRICT;

CREATE TABLE dead_letters (
  dead_letter_id INTEGER PRIMARY KEY,
  device_id TEXT,
  topic TEXT NOT NULL,
  payload BLOB NOT NULL,
  reason TEXT NOT NULL,
  received_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE decisions (
  decision_id INTEGER PRIMARY KEY,
  device_id TEXT NOT NULL,
  slot TEXT NOT NULL,
  reading_id INTEGER,
  at_ms INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  reasons TEXT NOT NULL,
  order_id TEXT
) STRICT;
CREATE INDEX decisions_of_slot ON decisions (device_id, slot, decision_id);

CREATE TABLE orders (
  order_id TEXT PRIMARY KEY,
  home_id TEXT NOT NULL REFERENCES homes,
  device_id TEXT NOT NULL,
  slot TEXT NOT NULL,
  gtin TEXT NOT NULL,
  quantity INTEGER NOT NULL,
  mode TEXT NOT NULL,
  state TEXT NOT NULL,
  state_changed_at_ms INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  -- when the order worker looks at it next without being asked; NULL: only when something happens
  next_at_ms INTEGER,
  failures INTEGER NOT NULL DEFAULT 0,
  created_at_ms INTEGER NOT NULL,
  reasons TEXT NOT NULL,
  -- the state that the device was last told on its `order` topic
  device_told TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX one_open_order_per_slot ON orders (device_id, slot)
  WHERE state NOT IN ('completed', 'dropped', 'cancelled', 'reclaimed');
CREATE INDEX orders_untold ON orders (order_id) WHERE device_told <> state;
CREATE INDEX orders_due ON orders (next_at_ms) WHERE next_at_ms IS NOT NULL;

-- What happened to an order: every arrow, and what stopped it for a while (from_state = to_state).
CREATE TABLE order_steps (
  step_id INTEGER PRIMARY KEY,
  order_id TEXT NOT NULL REFERENCES orders,
  attempt INTEGER NOT NULL,
  from_state TEXT,
  to_state TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  amount TEXT,
  tx_hash TEXT,
  block_number INTEGER
) STRICT;
CREATE INDEX steps_of_order ON order_steps (order_id, step_id);
CREATE INDEX steps_of_block ON order_steps (block_number) WHERE block_number IS NOT NULL;

CREATE TABLE quotes (
  order_id TEXT NOT NULL REFERENCES orders,
  attempt INTEGER NOT NULL,
  quote TEXT NOT NULL,
  signature TEXT NOT NULL,
  quote_hash TEXT NOT NULL,
  seller_url TEXT NOT NULL,
  received_at_ms INTEGER NOT NULL,
  PRIMARY KEY (order_id, attempt)
) STRICT;

-- A person's answer: names the quote's digest and the total that was shown.
CREATE TABLE consents (
  order_id TEXT NOT NULL REFERENCES orders,
  quote_hash TEXT NOT NULL,
  total_shown TEXT NOT NULL,
  answer TEXT NOT NULL,
  who TEXT NOT NULL,
  how TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (order_id, quote_hash)
) STRICT;

CREATE TABLE mandates (
  mandate_hash TEXT PRIMARY KEY,
  home_id TEXT NOT NULL REFERENCES homes,
  device_id TEXT NOT NULL REFERENCES devices,
  file TEXT NOT NULL,
  seller_url TEXT NOT NULL,
  payer_signature TEXT NOT NULL,
  -- signed → granted → revoked, as the chain says it
  state TEXT NOT NULL,
  state_block INTEGER,
  last_nonce INTEGER NOT NULL DEFAULT 0,
  created_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX mandates_of_device ON mandates (device_id, state);

-- Sign, save, send: a row is committed before the network hears of its bytes.
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

CREATE TABLE authorizations (
  authorization_id TEXT PRIMARY KEY,
  order_id TEXT NOT NULL REFERENCES orders,
  attempt INTEGER NOT NULL,
  terms TEXT NOT NULL,
  item TEXT NOT NULL,
  tx_hash TEXT NOT NULL,
  basket INTEGER NOT NULL,
  -- sent → held | refused → shipped → captured, cancelled, declined, reclaimed
  state TEXT NOT NULL,
  shipment TEXT,
  held_at_seconds INTEGER,
  shipped_at_seconds INTEGER,
  -- when funds that are held for an order which does not wait for them are given back next
  give_back_at_ms INTEGER,
  UNIQUE (order_id, attempt)
) STRICT;
CREATE INDEX authorizations_to_give_back ON authorizations (give_back_at_ms) WHERE give_back_at_ms IS NOT NULL;
CREATE INDEX authorizations_of_tx ON authorizations (tx_hash, basket);

CREATE TABLE evidence (
  order_id TEXT NOT NULL REFERENCES orders,
  kind TEXT NOT NULL, -- owner, refill, carrier, weight
  detail TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (order_id, kind)
) STRICT;

-- What the seller must hear, repeated until it acknowledges.
CREATE TABLE seller_messages (
  message_id INTEGER PRIMARY KEY,
  order_id TEXT NOT NULL REFERENCES orders,
  authorization_id TEXT NOT NULL,
  kind TEXT NOT NULL, -- order, confirmation
  seller_url TEXT NOT NULL,
  body TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_at_ms INTEGER,
  acknowledged_at_ms INTEGER,
  UNIQUE (authorization_id, kind)
) STRICT;
CREATE INDEX seller_messages_due ON seller_messages (next_at_ms) WHERE acknowledged_at_ms IS NULL;

-- The watcher's place, and enough block hashes behind it to see a reorg.
CREATE TABLE chain_blocks (
  block_number INTEGER PRIMARY KEY,
  block_hash TEXT NOT NULL
) STRICT;

CREATE TABLE notifications (
  notification_id INTEGER PRIMARY KEY,
  home_id TEXT NOT NULL REFERENCES homes,
  kind TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  text TEXT NOT NULL,
  order_id TEXT,
  device_id TEXT,
  slot TEXT,
  tx_hash TEXT,
  amount TEXT
) STRICT;
CREATE INDEX feed ON notifications (home_id, notification_id);

-- One delivery per notification and channel beyond the feed itself, repeated until it succeeds or is given up.
CREATE TABLE deliveries (
  notification_id INTEGER NOT NULL REFERENCES notifications,
  channel TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_at_ms INTEGER,
  delivered_at_ms INTEGER,
  PRIMARY KEY (notification_id, channel)
) STRICT;
CREATE INDEX deliveries_due ON deliveries (next_at_ms) WHERE delivered_at_ms IS NULL AND next_at_ms IS NOT NULL;
