-- What members keep in repositories that are no extractors: blobs, each under the digest it was sent
-- with (SHA-256 or SHA-512) and where its bytes are (SHA-256), manifests, and tags.
CREATE TABLE oci_blobs (
    repository TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    content TEXT COLLATE "C" NOT NULL,
    size_bytes BIGINT NOT NULL,
    PRIMARY KEY (repository, digest)
);
CREATE INDEX oci_blobs_digest ON oci_blobs (digest);
CREATE INDEX oci_blobs_content ON oci_blobs (content);

CREATE TABLE oci_manifests (
    repository TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    media_type TEXT COLLATE "C" NOT NULL,
    artifact_type TEXT COLLATE "C",
    annotations TEXT COLLATE "C",
    subject TEXT COLLATE "C",
    size_bytes BIGINT NOT NULL,
    content BYTEA NOT NULL,
    pushed_at BIGINT NOT NULL,
    pushed_by TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (repository, digest)
);
CREATE INDEX oci_manifests_subject ON oci_manifests (repository, subject);

CREATE TABLE oci_tags (
    repository TEXT COLLATE "C" NOT NULL,
    tag TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (repository, tag)
);
CREATE INDEX oci_tags_digest ON oci_tags (repository, digest);

-- The first proof of a release that was shown to an OCI client. A later one would be as good, but
-- would have another digest.
CREATE TABLE oci_proofs (
    release_statement TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    proof TEXT COLLATE "C" NOT NULL
);
