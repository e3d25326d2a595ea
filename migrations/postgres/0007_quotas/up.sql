-- What a member may use at most; a limit that is absent is none.
CREATE TABLE quotas (
    member TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    stored_bytes BIGINT,
    releases_per_day BIGINT
);

-- Which blobs a member has sent, whatever names they are read under: what counts against its quota.
CREATE TABLE member_blobs (
    member TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    size_bytes BIGINT NOT NULL,
    PRIMARY KEY (member, digest)
);
INSERT INTO member_blobs (member, digest, size_bytes)
SELECT DISTINCT releases.published_by, release_files.digest, release_files.size_bytes
FROM release_files JOIN releases ON releases.statement = release_files.statement;

CREATE INDEX releases_published_by ON releases (published_by, published_at);
