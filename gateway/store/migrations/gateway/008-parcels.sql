-- A confirmation covers all orders of a parcel: messages that wait for their seller name their order in a list of one.
UPDATE seller_messages
SET body = json_remove(
  json_set(body, '$.deliveries', json_array(json_object('authorizationId', authorization_id, 'amount', body ->> '$.amount'))),
  '$.amount'
)
WHERE kind = 'confirmation';
