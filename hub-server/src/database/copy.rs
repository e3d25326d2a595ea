//! All rows of one database, written into another one, whatever kinds the two are.

use diesel::prelude::*;

use super::advisories::AdvisoryRow;
use super::evaluations::EvaluationRow;
use super::key_compromises::KeyCompromiseRow;
use super::log::{CheckpointRow, EntryRow};
use super::model_signatures::ModelSignatureRow;
use super::quotas::QuotaRow;
use super::releases::{FileRow, ReleaseRow};
use super::schema::{
    advisories, evaluations, extractors, key_compromises, log_checkpoints, log_entries, log_tiles,
    member_blobs, model_signatures, oci_blobs, oci_manifests, oci_proofs, oci_tags, quotas,
    release_files, releases, repository_blobs, sessions, settings, tokens, trust_files,
    trust_states, yanks,
};
use super::tokens::TokenRow;
use super::yanks::YankRow;
use super::{Connection, DatabaseError, from_column, oci};

/// Rows that are held in memory at once, where one can be large.
const PAGE: i64 = 256;

/// How many rows were copied, of which kind.
pub(crate) type Copied = Vec<(&'static str, u64)>;

/// Whether there is nothing of a hub.
pub(crate) fn is_empty(connection: &mut Connection) -> Result<bool, DatabaseError> {
    let mut found: i64 = 0;
    found += trust_states::table.count().get_result::<i64>(connection)?;
    found += extractors::table.count().get_result::<i64>(connection)?;
    found += log_entries::table.count().get_result::<i64>(connection)?;
    found += tokens::table.count().get_result::<i64>(connection)?;
    found += settings::table.count().get_result::<i64>(connection)?;
    Ok(found == 0)
}

/// Copies all rows but those of uploads, whose bytes are elsewhere: they are begun anew. Both are in
/// transactions of the caller's.
///
/// # Errors
/// [`DatabaseError`]; [`DatabaseError::Exists`] when there was something already.
pub(crate) fn copy_all(
    from: &mut Connection,
    to: &mut Connection,
) -> Result<Copied, DatabaseError> {
    let mut copied = Copied::new();
    // Whatever a row names comes before it.
    macro_rules! copy {
        ($table:ident as $row:ty) => {{
            let rows: Vec<$row> = $table::table.select(<$row>::as_select()).load(from)?;
            for row in &rows {
                diesel::insert_into($table::table)
                    .values(row)
                    .execute(to)?;
            }
            copied.push((stringify!($table), rows.len() as u64));
        }};
        ($table:ident { $($column:ident: $kind:ty),+ }) => {{
            let rows: Vec<($($kind,)+)> =
                $table::table.select(($($table::$column,)+)).load(from)?;
            let count = rows.len() as u64;
            for ($($column,)+) in rows {
                diesel::insert_into($table::table)
                    .values(($($table::$column.eq($column),)+))
                    .execute(to)?;
            }
            copied.push((stringify!($table), count));
        }};
    }
    copy!(settings {
        key: String,
        value: String
    });
    copy!(trust_states {
        version: i64,
        bundle: String
    });
    copy!(trust_files {
        path: String,
        content: String
    });
    copy!(tokens as TokenRow);
    copy!(sessions {
        hash: String,
        token_id: String,
        created_at: i64,
        expires_at: i64
    });
    copy!(extractors { name: String, member: Option<String>, revision: i64 });
    copied.push(("releases", copy_releases(from, to)?));
    copy!(release_files as FileRow);
    copy!(yanks as YankRow);
    copy!(model_signatures as ModelSignatureRow);
    copy!(evaluations as EvaluationRow);
    copy!(advisories as AdvisoryRow);
    copy!(key_compromises as KeyCompromiseRow);
    copy!(repository_blobs {
        repository: String,
        digest: String,
        size_bytes: i64
    });
    copy!(quotas as QuotaRow);
    copy!(member_blobs {
        member: String,
        digest: String,
        size_bytes: i64
    });
    copy!(oci_blobs {
        repository: String,
        digest: String,
        content: String,
        size_bytes: i64
    });
    copied.push(("oci_manifests", copy_manifests(from, to)?));
    copy!(oci_tags {
        repository: String,
        tag: String,
        digest: String
    });
    copy!(oci_proofs {
        release_statement: String,
        proof: String
    });
    copied.push(("log_entries", copy_entries(from, to)?));
    copy!(log_tiles { level: i64, number: i64, hashes: Vec<u8> });
    copy!(log_checkpoints as CheckpointRow);
    Ok(copied)
}

fn copy_releases(from: &mut Connection, to: &mut Connection) -> Result<u64, DatabaseError> {
    let (mut count, mut last) = (0, String::new());
    loop {
        let page: Vec<ReleaseRow> = releases::table
            .filter(releases::statement.gt(&last))
            .order(releases::statement)
            .limit(PAGE)
            .select(ReleaseRow::as_select())
            .load(from)?;
        let Some(newest) = page.last() else {
            return Ok(count);
        };
        last.clone_from(&newest.statement);
        count += page.len() as u64;
        for row in &page {
            diesel::insert_into(releases::table)
                .values(row)
                .execute(to)?;
        }
    }
}

/// One at a time: each may have some megabytes.
fn copy_manifests(from: &mut Connection, to: &mut Connection) -> Result<u64, DatabaseError> {
    let mut count = 0;
    for (repository, digest) in oci::manifests(from)? {
        if let Some(row) = oci::find_manifest(from, &repository, &digest)? {
            oci::put_manifest(to, &row)?;
            count += 1;
        }
    }
    Ok(count)
}

fn copy_entries(from: &mut Connection, to: &mut Connection) -> Result<u64, DatabaseError> {
    let mut first = 0;
    loop {
        let page: Vec<EntryRow> = super::log::entries(from, first, from_column(PAGE)?)?;
        let Some(newest) = page.last() else {
            return super::log::count(to);
        };
        first = from_column(newest.idx)? + 1;
        for row in &page {
            super::log::insert_entry(to, row)?;
        }
    }
}

/// How many rows a hub's tables have, by the names of [`copy_all`], for those that are easy to lose.
pub(crate) fn counts(connection: &mut Connection) -> Result<Copied, DatabaseError> {
    macro_rules! counts {
        ($($table:ident),+) => {
            vec![$((
                stringify!($table),
                from_column($table::table.count().get_result::<i64>(connection)?)?,
            ),)+]
        };
    }
    Ok(counts!(
        settings,
        trust_states,
        trust_files,
        tokens,
        sessions,
        extractors,
        releases,
        release_files,
        yanks,
        model_signatures,
        evaluations,
        advisories,
        key_compromises,
        repository_blobs,
        quotas,
        member_blobs,
        oci_blobs,
        oci_manifests,
        oci_tags,
        oci_proofs,
        log_entries,
        log_tiles,
        log_checkpoints
    ))
}
