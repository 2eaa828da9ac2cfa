-- A confirmation covers all orders of a parcel: the list that was signed takes the place of one order's amount.
ALTER TABLE orders ADD COLUMN confirmed_deliveries TEXT;
UPDATE orders SET confirmed_deliveries = json_array(json_object('authorizationId', authorization_id, 'amount', confirmed_amount))
WHERE confirmed_amount IS NOT NULL;
ALTER TABLE orders DROP COLUMN confirmed_amount;

-- Whether a transaction of orders in a state is under way is asked before each batch.
CREATE INDEX orders_of_transaction ON orders (tx_hash) WHERE tx_hash IS NOT NULL;
