-- `model.sig` of a release: a blob of its name, not part of what its owners sign.
CREATE TABLE model_signatures (
    release_statement TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES releases (statement),
    digest TEXT COLLATE "C" NOT NULL,
    size_bytes BIGINT NOT NULL
);

-- What single members say: figures of a release, warnings about a name, keys they take back.
CREATE TABLE evaluations (
    release_statement TEXT COLLATE "C" NOT NULL REFERENCES releases (statement),
    member TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL,
    statement TEXT COLLATE "C" NOT NULL,
    envelope BYTEA NOT NULL,
    recorded_at BIGINT NOT NULL,
    recorded_by TEXT COLLATE "C" NOT NULL,
    log_index BIGINT NOT NULL UNIQUE,
    PRIMARY KEY (release_statement, member, sequence)
);

CREATE TABLE advisories (
    name TEXT COLLATE "C" NOT NULL REFERENCES extractors (name),
    member TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    statement TEXT COLLATE "C" NOT NULL,
    envelope BYTEA NOT NULL,
    recorded_at BIGINT NOT NULL,
    recorded_by TEXT COLLATE "C" NOT NULL,
    log_index BIGINT NOT NULL UNIQUE,
    PRIMARY KEY (name, member, number, sequence)
);

CREATE TABLE key_compromises (
    statement TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    member TEXT COLLATE "C" NOT NULL,
    key_id TEXT COLLATE "C" NOT NULL,
    envelope BYTEA NOT NULL,
    recorded_at BIGINT NOT NULL,
    recorded_by TEXT COLLATE "C" NOT NULL,
    log_index BIGINT NOT NULL UNIQUE
);
CREATE INDEX key_compromises_member ON key_compromises (member);
