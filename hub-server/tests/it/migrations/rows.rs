//! Rows for the tables of each step: a few, and every column has something in one of them.

/// What is put into the tables that a step makes, and into its new columns of older ones.
pub(super) const ROWS: [(&str, &str); 10] = [
    ("0001_first", FIRST),
    ("0002_log", LOG),
    ("0003_trust_root", TRUST_ROOT),
    ("0004_members_say", MEMBERS_SAY),
    ("0005_catalogue", CATALOGUE),
    ("0006_oci", OCI),
    ("0007_quotas", QUOTAS),
    ("0008_word_parts", "SELECT 1"),
    ("0009_manifest_quotas", "SELECT 1"),
    (
        "0010_upload_room",
        "UPDATE uploads SET held_bytes = 4294967296",
    ),
];

/// What a step that is taken back cannot know again, and what says it here: when a blob was added stood in no log.
pub(super) const FORGOTTEN: [(&str, &str); 1] = [(
    "0002_log",
    "UPDATE repository_blobs SET added_at = 1700000000",
)];

const FIRST: &str = "
INSERT INTO settings (key, value) VALUES ('hub_id', 'a b''c'), ('ünïcode', '');
INSERT INTO tokens (id, hash, member, scope, label, created_at, expires_at, revoked_at) VALUES
    ('t1', 'h1', 'alpha', 'publish', 'laptop', 1700000000, 1900000000, 1800000000),
    ('t2', 'h2', 'beta', 'read', NULL, 1700000001, 9223372036854775807, NULL);
INSERT INTO extractors (name, member, revision) VALUES ('squares', 'alpha', 2), ('joint', NULL, 0);
INSERT INTO releases (statement, name, version, envelope, member, summary, license, domain, tags, search_text, dimension,
        distance, size_bytes, changes, signers, published_at, published_by, is_listed, is_yanked, yank_reason,
        yank_replacement) VALUES
    ('sha256:01', 'squares', '1.0.0', X'00ff7b7d', 'alpha', 'Squares', 'MIT', 'shapes', 'a,b', 'squares shapes a b', 4,
        'cosine', 4294967296, NULL, 'k1', 1700000002, 'alpha', FALSE, TRUE, 'wrong crop', '1.0.1'),
    ('sha256:02', 'squares', '1.0.1', X'', NULL, '', 'MIT', 'shapes', '', 'squares', 4,
        'cosine', 7, 'the crop', 'k1,k2', 1700000003, 'alpha', TRUE, FALSE, NULL, NULL);
INSERT INTO release_files (statement, path, digest, size_bytes) VALUES
    ('sha256:01', 'model.onnx', 'sha256:aa', 4294967290), ('sha256:01', 'README.md', 'sha256:bb', 6),
    ('sha256:02', 'README.md', 'sha256:bb', 6);
INSERT INTO yanks (release_statement, sequence, envelope, recorded_at, recorded_by) VALUES
    ('sha256:01', 0, X'01', 1700000004, 'alpha'), ('sha256:01', 1, X'02', 1700000005, 'beta');
INSERT INTO uploads (id, repository, member, created_at) VALUES ('u1', 'squares', 'alpha', 1700000006);
INSERT INTO repository_blobs (repository, digest, size_bytes, added_at) VALUES
    ('squares', 'sha256:aa', 4294967290, 1700000000), ('squares', 'sha256:bb', 6, 1700000000);
";

const LOG: &str = "
INSERT INTO log_entries (idx, envelope, leaf_hash, logged_at, submitted_by) VALUES
    (0, X'00ff7b7d', X'aa00', 1700000002, 'alpha'), (1, X'', X'bb00', 1700000003, 'alpha');
INSERT INTO log_tiles (level, number, hashes) VALUES (0, 0, X'aa00bb00'), (1, 0, X'');
INSERT INTO log_checkpoints (kind, size, note) VALUES ('head', 2, 'log
2
AA==
'), ('published', 1, 'log');
UPDATE releases SET log_index = 0 WHERE statement = 'sha256:01';
UPDATE yanks SET log_index = 1 WHERE sequence = 0;
";

const TRUST_ROOT: &str = "
INSERT INTO trust_states (version, bundle) VALUES (1, '{}'), (2, '{\"v\": 2}');
INSERT INTO trust_files (path, content) VALUES ('metadata/1.root.json', '{\"signed\": {}}');
";

const MEMBERS_SAY: &str = "
INSERT INTO model_signatures (release_statement, digest, size_bytes) VALUES ('sha256:01', 'sha256:cc', 900);
INSERT INTO evaluations (release_statement, member, sequence, statement, envelope, recorded_at, recorded_by, log_index)
    VALUES ('sha256:01', 'beta', 0, 'sha256:e0', X'03', 1700000007, 'beta', 2),
           ('sha256:01', 'beta', 1, 'sha256:e1', X'04', 1700000008, 'beta', 3);
INSERT INTO advisories (name, member, number, sequence, statement, envelope, recorded_at, recorded_by, log_index)
    VALUES ('squares', 'beta', 1, 0, 'sha256:ad', X'05', 1700000009, 'beta', 4);
INSERT INTO key_compromises (statement, member, key_id, envelope, recorded_at, recorded_by, log_index)
    VALUES ('sha256:cd', 'gamma', 'k3', X'06', 1700000010, 'gamma', 5);
";

const CATALOGUE: &str = "
UPDATE releases SET input = '224×224 rgb' WHERE statement = 'sha256:02';
INSERT INTO sessions (hash, token_id, created_at, expires_at) VALUES ('s1', 't1', 1700000011, 1700003611);
";

const OCI: &str = "
INSERT INTO oci_blobs (repository, digest, content, size_bytes) VALUES
    ('shared/notes', 'sha512:dd', 'sha256:dd', 11), ('shared/notes', 'sha256:ee', 'sha256:ee', 12);
INSERT INTO oci_manifests (repository, digest, media_type, artifact_type, annotations, subject, size_bytes, content,
        pushed_at, pushed_by) VALUES
    ('shared/notes', 'sha256:f0', 'm/1', 'a/1', '{\"a\": \"b\"}', 'sha256:f1', 2, X'7b7d', 1700000012, 'alpha'),
    ('shared/notes', 'sha256:f1', 'm/1', NULL, NULL, NULL, 2, X'7b7d', 1700000013, 'beta');
INSERT INTO oci_tags (repository, tag, digest) VALUES ('shared/notes', 'latest', 'sha256:f1');
INSERT INTO oci_proofs (release_statement, proof) VALUES ('sha256:01', 'c2sp.org/tlog-proof@v1');
";

const QUOTAS: &str = "
INSERT INTO quotas (member, stored_bytes, releases_per_day) VALUES ('alpha', 1000000, NULL), ('beta', NULL, 3);
INSERT INTO member_blobs (member, digest, size_bytes) VALUES ('beta', 'sha256:ee', 12);
";

/// What a member has sent by the rows of [`FIRST`], as `0007_quotas` finds it: one of the files is in two releases.
pub(super) const SENT: [&str; 2] = ["alpha sha256:aa 4294967290", "alpha sha256:bb 6"];
