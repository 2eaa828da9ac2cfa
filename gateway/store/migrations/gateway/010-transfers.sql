-- The device in the registry on chain that a device of ours is: a uint256 in decimal. Mandates signed from then on name it.
CREATE TABLE registrations (
  device_id TEXT PRIMARY KEY REFERENCES devices,
  registry_id TEXT NOT NULL
) STRICT;
CREATE INDEX registrations_of_id ON registrations (registry_id);
