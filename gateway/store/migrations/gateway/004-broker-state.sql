-- What the MQTT broker still knows after a kill -9. `header` is a message's fields but its payload, as JSON; a payload is
-- BLOB, or TEXT when it was given as text.

-- Clients that connected with clean session off. away_since_ms is NULL while they are connected.
CREATE TABLE broker_sessions (
  client_id TEXT PRIMARY KEY,
  away_since_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE broker_subscriptions (
  client_id TEXT NOT NULL,
  filter TEXT NOT NULL,
  options TEXT NOT NULL, -- JSON: the granted qos, and what later versions of MQTT add
  PRIMARY KEY (client_id, filter)
) STRICT, WITHOUT ROWID;

-- Messages to a client (QoS 1 and 2) until it has acknowledged them, in the order of place. message_id is NULL until sent.
CREATE TABLE broker_queue (
  place INTEGER PRIMARY KEY,
  client_id TEXT NOT NULL,
  message_id INTEGER,
  header TEXT NOT NULL,
  payload ANY
) STRICT;
CREATE INDEX broker_queue_of_client ON broker_queue (client_id);

-- QoS 2 messages of a client that it has not released yet: one with the same id is the same message.
CREATE TABLE broker_incoming (
  client_id TEXT NOT NULL,
  message_id INTEGER NOT NULL,
  header TEXT NOT NULL,
  payload ANY,
  PRIMARY KEY (client_id, message_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE broker_wills (
  client_id TEXT PRIMARY KEY,
  header TEXT NOT NULL,
  payload ANY
) STRICT;

CREATE TABLE broker_retained (
  topic TEXT PRIMARY KEY,
  header TEXT NOT NULL,
  payload ANY
) STRICT;

-- The broker kept its retained messages in memory until now: devices are told of their open orders once more.
UPDATE orders SET device_told = ''
  WHERE state NOT IN ('completed', 'refunded', 'settled', 'decided', 'dropped', 'cancelled', 'reclaimed');
