-- Why a stored mandate is not used, as the start of the gateway found it; empty: it is what was signed.
ALTER TABLE mandates ADD COLUMN fault TEXT NOT NULL DEFAULT '';
