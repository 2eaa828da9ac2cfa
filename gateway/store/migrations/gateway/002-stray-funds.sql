-- When the gateway next gives back funds that are held for an order which does not wait for them; NULL: nothing is to do.
ALTER TABLE authorizations ADD COLUMN give_back_at_ms INTEGER;
CREATE INDEX authorizations_to_give_back ON authorizations (give_back_at_ms) WHERE give_back_at_ms IS NOT NULL;
