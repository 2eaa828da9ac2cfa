-- A new escrow at a new address, whose mandates name offers: a product with its seller, under one root.

-- Orders and mandates of the escrow before it are closed and the homeowner told. What is held there stays there: the seller can still
-- ship and be paid, and anyone can reclaim it for the payer after its deadline.
INSERT INTO notifications (home_id, kind, at_ms, text, device_id)
  SELECT home_id, 'problem', unixepoch() * 1000,
    'The contract that holds your money has a new version. The mandate of ' || device_id ||
    ' was for the one before it and has ended: sign a new one with `adept mandate sign ' || device_id || '`.', device_id
  FROM mandates WHERE state <> 'revoked' GROUP BY home_id, device_id;
DELETE FROM mandates;
DELETE FROM seller_messages;
DELETE FROM authorizations;
UPDATE orders SET state = 'dropped', next_at_ms = NULL
  WHERE state NOT IN ('completed', 'refunded', 'settled', 'decided', 'dropped', 'cancelled', 'reclaimed');
