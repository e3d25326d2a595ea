-- Times are seconds since 1970 (UTC); digests are `sha256:<hex>`.

CREATE TABLE settings (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE tokens (
    id TEXT NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    member TEXT NOT NULL,
    scope TEXT NOT NULL,
    label TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);

-- `revision` grows by one with every change to the extractor's releases: writers compare and swap it.
CREATE TABLE extractors (
    name TEXT NOT NULL PRIMARY KEY,
    member TEXT,
    revision BIGINT NOT NULL
);

CREATE TABLE releases (
    statement TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL REFERENCES extractors (name),
    version TEXT NOT NULL,
    envelope BLOB NOT NULL,
    member TEXT,
    summary TEXT NOT NULL,
    license TEXT NOT NULL,
    domain TEXT NOT NULL,
    tags TEXT NOT NULL,
    search_text TEXT NOT NULL,
    dimension BIGINT NOT NULL,
    distance TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    changes TEXT,
    signers TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    published_by TEXT NOT NULL,
    is_listed BOOLEAN NOT NULL,
    is_yanked BOOLEAN NOT NULL,
    yank_reason TEXT,
    yank_replacement TEXT
);
CREATE UNIQUE INDEX releases_name_version ON releases (name, version);
CREATE INDEX releases_listed ON releases (is_listed, name);

CREATE TABLE release_files (
    statement TEXT NOT NULL REFERENCES releases (statement),
    path TEXT NOT NULL,
    digest TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    PRIMARY KEY (statement, path)
);

CREATE TABLE yanks (
    release_statement TEXT NOT NULL REFERENCES releases (statement),
    sequence BIGINT NOT NULL,
    envelope BLOB NOT NULL,
    recorded_at BIGINT NOT NULL,
    recorded_by TEXT NOT NULL,
    PRIMARY KEY (release_statement, sequence)
);

CREATE TABLE uploads (
    id TEXT NOT NULL PRIMARY KEY,
    repository TEXT NOT NULL,
    member TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Under which names a blob can be read.
CREATE TABLE repository_blobs (
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (repository, digest)
);
