//! Keys that members took back, as they are shown.

use std::fmt;

use registry_schema::keys::KeyId;
use registry_schema::name::MemberName;
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::tuf::bundle::KeyringState;
use registry_schema::tuf::files::{IndexRange, KeyEntry};
use serde::Serialize;

use crate::output::Page;

/// A key for statements that counts up to a place of the log.
#[derive(Serialize)]
pub(super) struct EndedKeyView {
    member: MemberName,
    key_id: KeyId,
    from: u64,
    until: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(skip)]
    range: IndexRange,
}

/// All of them, by member.
pub(super) fn ended_keys(root: &ConsortiumRoot) -> Vec<EndedKeyView> {
    let of = |member: &MemberName, entry: &KeyEntry| {
        Some(EndedKeyView {
            member: member.clone(),
            key_id: entry.statement_key()?.id(),
            from: entry.from,
            until: entry.until?,
            note: entry.note.clone(),
            range: entry.range(),
        })
    };
    let mut found = Vec::new();
    for member in root.members() {
        if let KeyringState::Valid(keyring) = root.keyring(member) {
            found.extend(keyring.keys.iter().filter_map(|entry| of(member, entry)));
        }
    }
    found
}

/// A table of them, when there are any.
pub(super) fn write_ended_keys(keys: &[EndedKeyView], page: &mut Page) -> fmt::Result {
    if keys.is_empty() {
        return Ok(());
    }
    let row = |key: &EndedKeyView| {
        vec![
            key.member.to_string(),
            key.key_id.to_string(),
            key.range.to_string(),
            key.note.clone().unwrap_or_default(),
        ]
    };
    page.line("")?;
    page.table(
        &["MEMBER", "KEY THAT WAS TAKEN BACK", "COUNTS", "WHY"],
        &keys.iter().map(row).collect::<Vec<_>>(),
    )
}
