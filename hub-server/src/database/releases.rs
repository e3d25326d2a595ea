//! Releases, their files, and the extractors they belong to.

use diesel::prelude::*;
use registry_schema::name::{MemberName, Name};
use semver::Version;

use super::schema::{extractors, release_files, releases, yanks};
use super::{Connection, DatabaseError, first_of_all, from_text};

/// One release with everything a listing shows. `tags` and `signers` are separated by spaces.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = releases)]
pub(crate) struct ReleaseRow {
    pub(crate) statement: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) envelope: Vec<u8>,
    pub(crate) member: Option<String>,
    pub(crate) summary: String,
    pub(crate) license: String,
    pub(crate) domain: String,
    pub(crate) tags: String,
    pub(crate) search_text: String,
    pub(crate) dimension: i64,
    pub(crate) distance: String,
    pub(crate) size_bytes: i64,
    pub(crate) changes: Option<String>,
    pub(crate) signers: String,
    pub(crate) published_at: i64,
    pub(crate) published_by: String,
    pub(crate) is_listed: bool,
    pub(crate) is_yanked: bool,
    pub(crate) yank_reason: Option<String>,
    pub(crate) yank_replacement: Option<String>,
    pub(crate) log_index: Option<i64>,
    /// What goes in, as [`super::catalogue::input_text`] has it.
    pub(crate) input: Option<String>,
}

impl ReleaseRow {
    /// The release's version.
    pub(crate) fn version(&self) -> Result<Version, DatabaseError> {
        parse_version(&self.version)
    }

    /// Its entry in the log.
    pub(crate) fn index(&self) -> Result<u64, DatabaseError> {
        super::log_index(self.log_index)
    }
}

/// The version in a column.
pub(super) fn parse_version(text: &str) -> Result<Version, DatabaseError> {
    from_text(text, "a version that cannot be read")
}

/// By which of its releases an extractor is listed, the greatest: its newest stable one that is not yanked, or its
/// newest one when there is none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ListingRank {
    is_good: bool,
    version: Version,
}

impl ListingRank {
    pub(crate) fn new(version: Version, is_yanked: bool) -> Self {
        Self {
            is_good: version.pre.is_empty() && !is_yanked,
            version,
        }
    }
}

/// One file of a release.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = release_files)]
pub(crate) struct FileRow {
    pub(crate) statement: String,
    pub(crate) path: String,
    pub(crate) digest: String,
    pub(crate) size_bytes: i64,
}

/// The extractor's revision, for [`advance`]; 0 when there is no such extractor yet.
pub(crate) fn revision(connection: &mut Connection, name: &Name) -> Result<i64, DatabaseError> {
    let found = extractors::table
        .find(name.to_string())
        .select(extractors::revision)
        .first(connection)
        .optional()?;
    Ok(found.unwrap_or(0))
}

/// Moves the extractor from `revision` to the next one: the first write of every transaction that
/// changes its releases.
///
/// # Errors
/// [`DatabaseError::Changed`] when it is not at `revision` any more.
pub(crate) fn advance(
    connection: &mut Connection,
    name: &Name,
    revision: i64,
) -> Result<(), DatabaseError> {
    if revision == 0 {
        let inserted = diesel::insert_into(extractors::table)
            .values((
                extractors::name.eq(name.to_string()),
                extractors::member.eq(name.member().map(MemberName::as_str)),
                extractors::revision.eq(1),
            ))
            .execute(connection);
        return first_of_all(inserted);
    }
    let current = extractors::table
        .find(name.to_string())
        .filter(extractors::revision.eq(revision));
    let changed = diesel::update(current)
        .set(extractors::revision.eq(revision + 1))
        .execute(connection)?;
    if changed == 1 {
        Ok(())
    } else {
        Err(DatabaseError::Changed)
    }
}

pub(crate) fn insert(
    connection: &mut Connection,
    release: &ReleaseRow,
    files: &[FileRow],
) -> Result<(), DatabaseError> {
    diesel::insert_into(releases::table)
        .values(release)
        .execute(connection)?;
    for file in files {
        diesel::insert_into(release_files::table)
            .values(file)
            .execute(connection)?;
    }
    Ok(())
}

/// All releases of an extractor, in no order.
pub(crate) fn list(
    connection: &mut Connection,
    name: &Name,
) -> Result<Vec<ReleaseRow>, DatabaseError> {
    Ok(releases::table
        .filter(releases::name.eq(name.to_string()))
        .select(ReleaseRow::as_select())
        .load(connection)?)
}

/// The release of a statement, if it is recorded.
pub(crate) fn find(
    connection: &mut Connection,
    statement: &str,
) -> Result<Option<ReleaseRow>, DatabaseError> {
    Ok(releases::table
        .find(statement)
        .select(ReleaseRow::as_select())
        .first(connection)
        .optional()?)
}

/// Every release of every extractor.
pub(crate) fn all(connection: &mut Connection) -> Result<Vec<ReleaseRow>, DatabaseError> {
    Ok(releases::table
        .select(ReleaseRow::as_select())
        .load(connection)?)
}

pub(crate) fn find_file(
    connection: &mut Connection,
    statement: &str,
    path: &str,
) -> Result<Option<FileRow>, DatabaseError> {
    Ok(release_files::table
        .find((statement, path))
        .select(FileRow::as_select())
        .first(connection)
        .optional()?)
}

/// Whether a release of this name has a file with this digest.
pub(crate) fn has_file(
    connection: &mut Connection,
    name: &Name,
    digest: &str,
) -> Result<bool, DatabaseError> {
    let of_name = releases::table
        .filter(releases::name.eq(name.to_string()))
        .select(releases::statement);
    let files = release_files::table
        .filter(release_files::digest.eq(digest))
        .filter(release_files::statement.eq_any(of_name));
    Ok(diesel::select(diesel::dsl::exists(files)).get_result(connection)?)
}

/// Every file of every release, for `doctor`.
pub(crate) fn all_files(connection: &mut Connection) -> Result<Vec<FileRow>, DatabaseError> {
    Ok(release_files::table
        .order((release_files::digest, release_files::statement))
        .select(FileRow::as_select())
        .load(connection)?)
}

/// When the newest release was published.
pub(crate) fn newest_time(connection: &mut Connection) -> Result<Option<i64>, DatabaseError> {
    Ok(releases::table
        .select(diesel::dsl::max(releases::published_at))
        .first(connection)?)
}

/// Makes `statement` the one release by which the extractor is listed.
pub(crate) fn set_listed(
    connection: &mut Connection,
    name: &Name,
    statement: &str,
) -> Result<(), DatabaseError> {
    let of_name = releases::table.filter(releases::name.eq(name.to_string()));
    diesel::update(of_name)
        .set(releases::is_listed.eq(false))
        .execute(connection)?;
    diesel::update(releases::table.find(statement))
        .set(releases::is_listed.eq(true))
        .execute(connection)?;
    Ok(())
}

/// Records whether a release is yanked, why, and what to use instead, as a row says.
pub(crate) fn set_yanked(
    connection: &mut Connection,
    row: &ReleaseRow,
) -> Result<(), DatabaseError> {
    diesel::update(releases::table.find(&row.statement))
        .set((
            releases::is_yanked.eq(row.is_yanked),
            releases::yank_reason.eq(&row.yank_reason),
            releases::yank_replacement.eq(&row.yank_replacement),
        ))
        .execute(connection)?;
    Ok(())
}

pub(super) fn escape_like(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | '%' | '_') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// Every extractor's name and revision, in order of names.
pub(crate) fn revisions(connection: &mut Connection) -> Result<Vec<(String, i64)>, DatabaseError> {
    Ok(extractors::table
        .order(extractors::name)
        .select((extractors::name, extractors::revision))
        .load(connection)?)
}

/// The files of a release, in order of paths.
pub(crate) fn files(
    connection: &mut Connection,
    statement: &str,
) -> Result<Vec<FileRow>, DatabaseError> {
    Ok(release_files::table
        .filter(release_files::statement.eq(statement))
        .order(release_files::path)
        .select(FileRow::as_select())
        .load(connection)?)
}

/// Releases of a time before there was a log, in no order.
pub(crate) fn unlogged(connection: &mut Connection) -> Result<Vec<ReleaseRow>, DatabaseError> {
    Ok(releases::table
        .filter(releases::log_index.is_null())
        .select(ReleaseRow::as_select())
        .load(connection)?)
}

/// Records which entry of the log a release is.
pub(crate) fn set_log_index(
    connection: &mut Connection,
    statement: &str,
    index: i64,
) -> Result<(), DatabaseError> {
    diesel::update(releases::table.find(statement))
        .set(releases::log_index.eq(index))
        .execute(connection)?;
    Ok(())
}

/// Forgets all extractors with their releases, files and yanks, which follow from the log.
pub(crate) fn clear(connection: &mut Connection) -> Result<(), DatabaseError> {
    diesel::delete(yanks::table).execute(connection)?;
    diesel::delete(release_files::table).execute(connection)?;
    diesel::delete(releases::table).execute(connection)?;
    diesel::delete(extractors::table).execute(connection)?;
    Ok(())
}
