//! The tables, as `migrations/` makes them.

diesel::table! {
    settings (key) {
        key -> Text,
        value -> Text,
    }
}

diesel::table! {
    trust_states (version) {
        version -> BigInt,
        bundle -> Text,
    }
}

diesel::table! {
    trust_files (path) {
        path -> Text,
        content -> Text,
    }
}

diesel::table! {
    tokens (id) {
        id -> Text,
        hash -> Text,
        member -> Text,
        scope -> Text,
        label -> Nullable<Text>,
        created_at -> BigInt,
        expires_at -> BigInt,
        revoked_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    sessions (hash) {
        hash -> Text,
        token_id -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    quotas (member) {
        member -> Text,
        stored_bytes -> Nullable<BigInt>,
        releases_per_day -> Nullable<BigInt>,
    }
}

diesel::table! {
    member_blobs (member, digest) {
        member -> Text,
        digest -> Text,
        size_bytes -> BigInt,
    }
}

diesel::table! {
    extractors (name) {
        name -> Text,
        member -> Nullable<Text>,
        revision -> BigInt,
    }
}

diesel::table! {
    releases (statement) {
        statement -> Text,
        name -> Text,
        version -> Text,
        envelope -> Binary,
        member -> Nullable<Text>,
        summary -> Text,
        license -> Text,
        domain -> Text,
        tags -> Text,
        search_text -> Text,
        dimension -> BigInt,
        distance -> Text,
        size_bytes -> BigInt,
        changes -> Nullable<Text>,
        signers -> Text,
        published_at -> BigInt,
        published_by -> Text,
        is_listed -> Bool,
        is_yanked -> Bool,
        yank_reason -> Nullable<Text>,
        yank_replacement -> Nullable<Text>,
        log_index -> Nullable<BigInt>,
        input -> Nullable<Text>,
    }
}

diesel::table! {
    release_files (statement, path) {
        statement -> Text,
        path -> Text,
        digest -> Text,
        size_bytes -> BigInt,
    }
}

diesel::table! {
    yanks (release_statement, sequence) {
        release_statement -> Text,
        sequence -> BigInt,
        envelope -> Binary,
        recorded_at -> BigInt,
        recorded_by -> Text,
        log_index -> Nullable<BigInt>,
    }
}

diesel::table! {
    uploads (id) {
        id -> Text,
        repository -> Text,
        member -> Text,
        created_at -> BigInt,
        held_bytes -> Nullable<BigInt>,
    }
}

diesel::table! {
    repository_blobs (repository, digest) {
        repository -> Text,
        digest -> Text,
        size_bytes -> BigInt,
    }
}

diesel::table! {
    log_entries (idx) {
        idx -> BigInt,
        envelope -> Binary,
        leaf_hash -> Binary,
        logged_at -> BigInt,
        submitted_by -> Text,
    }
}

diesel::table! {
    log_tiles (level, number) {
        level -> BigInt,
        number -> BigInt,
        hashes -> Binary,
    }
}

diesel::table! {
    log_checkpoints (kind) {
        kind -> Text,
        size -> BigInt,
        note -> Text,
    }
}

diesel::table! {
    model_signatures (release_statement) {
        release_statement -> Text,
        digest -> Text,
        size_bytes -> BigInt,
    }
}

diesel::table! {
    evaluations (release_statement, member, sequence) {
        release_statement -> Text,
        member -> Text,
        sequence -> BigInt,
        statement -> Text,
        envelope -> Binary,
        recorded_at -> BigInt,
        recorded_by -> Text,
        log_index -> BigInt,
    }
}

diesel::table! {
    advisories (name, member, number, sequence) {
        name -> Text,
        member -> Text,
        number -> BigInt,
        sequence -> BigInt,
        statement -> Text,
        envelope -> Binary,
        recorded_at -> BigInt,
        recorded_by -> Text,
        log_index -> BigInt,
    }
}

diesel::table! {
    key_compromises (statement) {
        statement -> Text,
        member -> Text,
        key_id -> Text,
        envelope -> Binary,
        recorded_at -> BigInt,
        recorded_by -> Text,
        log_index -> BigInt,
    }
}

diesel::table! {
    oci_blobs (repository, digest) {
        repository -> Text,
        digest -> Text,
        content -> Text,
        size_bytes -> BigInt,
    }
}

diesel::table! {
    oci_manifests (repository, digest) {
        repository -> Text,
        digest -> Text,
        media_type -> Text,
        artifact_type -> Nullable<Text>,
        annotations -> Nullable<Text>,
        subject -> Nullable<Text>,
        size_bytes -> BigInt,
        content -> Binary,
        pushed_at -> BigInt,
        pushed_by -> Text,
    }
}

diesel::table! {
    oci_tags (repository, tag) {
        repository -> Text,
        tag -> Text,
        digest -> Text,
    }
}

diesel::table! {
    oci_proofs (release_statement) {
        release_statement -> Text,
        proof -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    releases,
    release_files,
    repository_blobs,
    model_signatures
);
