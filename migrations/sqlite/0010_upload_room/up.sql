-- What an upload under way has taken of its member's quota: at least what has arrived; nothing where there is no limit.
ALTER TABLE uploads ADD COLUMN held_bytes BIGINT;
