-- Times are seconds since 1970 (UTC); digests are `sha256:<hex>`. Text has the order of its bytes, as
-- SQLite has it, whatever the order of the database.

CREATE TABLE settings (
    key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT COLLATE "C" NOT NULL
);

CREATE TABLE tokens (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    hash TEXT COLLATE "C" NOT NULL UNIQUE,
    member TEXT COLLATE "C" NOT NULL,
    scope TEXT COLLATE "C" NOT NULL,
    label TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);

-- `revision` grows by one with every change to the extractor's releases: writers compare and swap it.
CREATE TABLE extractors (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    member TEXT COLLATE "C",
    revision BIGINT NOT NULL
);

CREATE TABLE releases (
    statement TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL REFERENCES extractors (name),
    version TEXT COLLATE "C" NOT NULL,
    envelope BYTEA NOT NULL,
    member TEXT COLLATE "C",
    summary TEXT COLLATE "C" NOT NULL,
    license TEXT COLLATE "C" NOT NULL,
    domain TEXT COLLATE "C" NOT NULL,
    tags TEXT COLLATE "C" NOT NULL,
    search_text TEXT COLLATE "C" NOT NULL,
    dimension BIGINT NOT NULL,
    distance TEXT COLLATE "C" NOT NULL,
    size_bytes BIGINT NOT NULL,
    changes TEXT COLLATE "C",
    signers TEXT COLLATE "C" NOT NULL,
    published_at BIGINT NOT NULL,
    published_by TEXT COLLATE "C" NOT NULL,
    is_listed BOOLEAN NOT NULL,
    is_yanked BOOLEAN NOT NULL,
    yank_reason TEXT COLLATE "C",
    yank_replacement TEXT COLLATE "C"
);
CREATE UNIQUE INDEX releases_name_version ON releases (name, version);
CREATE INDEX releases_listed ON releases (is_listed, name);

CREATE TABLE release_files (
    statement TEXT COLLATE "C" NOT NULL REFERENCES releases (statement),
    path TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    size_bytes BIGINT NOT NULL,
    PRIMARY KEY (statement, path)
);

CREATE TABLE yanks (
    release_statement TEXT COLLATE "C" NOT NULL REFERENCES releases (statement),
    sequence BIGINT NOT NULL,
    envelope BYTEA NOT NULL,
    recorded_at BIGINT NOT NULL,
    recorded_by TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (release_statement, sequence)
);

CREATE TABLE uploads (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    repository TEXT COLLATE "C" NOT NULL,
    member TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

-- Under which names a blob can be read.
CREATE TABLE repository_blobs (
    repository TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    size_bytes BIGINT NOT NULL,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (repository, digest)
);
