ALTER TABLE repository_blobs ADD COLUMN added_at BIGINT;
DROP INDEX yanks_log_index;
ALTER TABLE yanks DROP COLUMN log_index;
DROP INDEX releases_log_index;
ALTER TABLE releases DROP COLUMN log_index;
DROP TABLE log_checkpoints;
DROP TABLE log_tiles;
DROP TABLE log_entries;
