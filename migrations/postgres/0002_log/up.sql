-- The log: entries are the truth, everything else about it can be computed from them.
-- `envelope` is the exact bytes of the entry; hashes are 32 raw bytes.
CREATE TABLE log_entries (
    idx BIGINT NOT NULL PRIMARY KEY,
    envelope BYTEA NOT NULL,
    leaf_hash BYTEA NOT NULL,
    logged_at BIGINT NOT NULL,
    submitted_by TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX log_entries_leaf_hash ON log_entries (leaf_hash);

-- Each tile as wide as it has become: a narrower one is a prefix of it.
CREATE TABLE log_tiles (
    level BIGINT NOT NULL,
    number BIGINT NOT NULL,
    hashes BYTEA NOT NULL,
    PRIMARY KEY (level, number)
);

-- `head`: the newest checkpoint, signed by the log. `published`: the newest that enough witnesses
-- cosigned, where the policy asks for witnesses. Writers compare and swap `size`.
CREATE TABLE log_checkpoints (
    kind TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL,
    note TEXT COLLATE "C" NOT NULL
);

-- Which entry of the log a row comes from. Absent only in rows of a hub that had no log yet, which
-- is given one when it starts.
ALTER TABLE releases ADD COLUMN log_index BIGINT;
CREATE UNIQUE INDEX releases_log_index ON releases (log_index);
ALTER TABLE yanks ADD COLUMN log_index BIGINT;
CREATE UNIQUE INDEX yanks_log_index ON yanks (log_index);

-- Nothing read it, and it cannot be known from the log.
ALTER TABLE repository_blobs DROP COLUMN added_at;
