//! What the catalogue's pages ask: extractors that fit, and what there is to tell of a page of them,
//! in a fixed number of queries.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use registry_schema::envelope::Envelope;
use registry_schema::preprocess::{Color, Input};
use registry_schema::statement::Statement;

use super::advisories::AdvisoryRow;
use super::releases::{ListingRank, ReleaseRow, escape_like, parse_version};
use super::schema::{advisories, evaluations, releases, repository_blobs};
use super::{Connection, DatabaseError, MultiBackend, to_column};

/// Most values of a kind that are offered as a choice.
const CHOICES: i64 = 200;

/// An extractor by its listed release, without the envelope.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = releases)]
pub(crate) struct ListedRow {
    pub(crate) statement: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) summary: String,
    pub(crate) license: String,
    pub(crate) domain: String,
    pub(crate) tags: String,
    pub(crate) dimension: i64,
    pub(crate) size_bytes: i64,
    pub(crate) published_at: i64,
    pub(crate) is_yanked: bool,
    pub(crate) input: Option<String>,
}

/// What an extractor must fit; what is absent fits all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// Words that must all occur in name, summary or tags.
    pub(crate) words: Vec<String>,
    /// Tags that it must have.
    pub(crate) tags: Vec<String>,
    /// Only names of this member.
    pub(crate) member: Option<String>,
    pub(crate) domain: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) input: Option<String>,
    /// Most dimensions.
    pub(crate) dimensions: Option<i64>,
    /// Most bytes of all files.
    pub(crate) size_bytes: Option<i64>,
    /// Only names after this one.
    pub(crate) after: Option<String>,
}

/// Which part of the catalogue is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Releases that so many first entries of the log have.
    pub(crate) covered: u64,
    /// Only extractors of which some file can be read here.
    pub(crate) with_files: bool,
}

/// At most `limit` extractors that fit, in order of names. What fits is found in one index.
pub(crate) fn find(
    connection: &mut Connection,
    filter: &Filter,
    limit: i64,
    shown: Shown,
) -> Result<Vec<ListedRow>, DatabaseError> {
    let statements = fitting(connection, filter, limit, shown)?;
    Ok(releases::table
        .filter(releases::statement.eq_any(statements))
        .order(releases::name)
        .select(ListedRow::as_select())
        .load(connection)?)
}

/// The same with all that is kept of each listed release.
pub(crate) fn find_releases(
    connection: &mut Connection,
    filter: &Filter,
    limit: i64,
    shown: Shown,
) -> Result<Vec<ReleaseRow>, DatabaseError> {
    let statements = fitting(connection, filter, limit, shown)?;
    Ok(releases::table
        .filter(releases::statement.eq_any(statements))
        .order(releases::name)
        .select(ReleaseRow::as_select())
        .load(connection)?)
}

/// The statements of the releases that fit, one of each extractor: the listed one or, where a checkpoint does not cover
/// that yet, the one by which it was listed before.
fn fitting(
    connection: &mut Connection,
    filter: &Filter,
    limit: i64,
    shown: Shown,
) -> Result<Vec<String>, DatabaseError> {
    let waiting = waiting(connection, shown.covered)?;
    let mut rows = narrow(listed(), filter, limit, shown);
    if !waiting.is_empty() {
        rows = rows.filter(releases::name.ne_all(&waiting));
    }
    let mut fitting: Vec<(String, String)> = rows.load(connection)?;
    if !waiting.is_empty() {
        let before = listed_before(connection, &waiting, shown.covered)?;
        let rows = named().filter(releases::statement.eq_any(before));
        let before: Vec<(String, String)> = narrow(rows, filter, limit, shown).load(connection)?;
        fitting.extend(before);
        fitting.sort();
        fitting.truncate(usize::try_from(limit).unwrap_or(0));
    }
    Ok(fitting
        .into_iter()
        .map(|(_, statement)| statement)
        .collect())
}

/// Names of which a release waits for its checkpoint.
fn waiting(connection: &mut Connection, covered: u64) -> Result<Vec<String>, DatabaseError> {
    let mut names: Vec<String> = entries_from(to_column(covered)?).load(connection)?;
    names.sort();
    names.dedup();
    Ok(names)
}

/// The names of releases from an entry on. Each time that it is there: to leave out doubles a database would go
/// through all names.
fn entries_from<'a>(index: i64) -> releases::BoxedQuery<'a, MultiBackend, diesel::sql_types::Text> {
    releases::table
        .filter(releases::log_index.ge(index))
        .select(releases::name)
        .into_boxed()
}

/// The statements by which these extractors are listed, as far as the first `covered` entries have them.
fn listed_before(
    connection: &mut Connection,
    names: &[String],
    covered: u64,
) -> Result<Vec<String>, DatabaseError> {
    let rows: Vec<(String, String, String, bool)> = releases::table
        .filter(releases::name.eq_any(names))
        .filter(releases::log_index.lt(to_column(covered)?))
        .select((
            releases::name,
            releases::statement,
            releases::version,
            releases::is_yanked,
        ))
        .load(connection)?;
    let mut listed = BTreeMap::new();
    for (name, statement, version, is_yanked) in rows {
        let rank = ListingRank::new(parse_version(&version)?, is_yanked);
        let best = listed
            .entry(name)
            .or_insert((rank.clone(), statement.clone()));
        if rank > best.0 {
            *best = (rank, statement);
        }
    }
    Ok(listed
        .into_values()
        .map(|(_, statement)| statement)
        .collect())
}

type Named<'a> =
    releases::BoxedQuery<'a, MultiBackend, (diesel::sql_types::Text, diesel::sql_types::Text)>;

/// Names and statements, in order of names.
fn named<'a>() -> Named<'a> {
    releases::table
        .select((releases::name, releases::statement))
        .order(releases::name)
        .into_boxed()
}

/// Those by which extractors are listed.
fn listed<'a>() -> Named<'a> {
    named().filter(releases::is_listed.eq(true))
}

/// The first of them that fit.
fn narrow<'a>(rows: Named<'a>, filter: &'a Filter, limit: i64, shown: Shown) -> Named<'a> {
    let mut rows = rows.limit(limit);
    if shown.with_files {
        let with_files = repository_blobs::table.select(repository_blobs::repository);
        rows = rows.filter(releases::name.eq_any(with_files));
    }
    for word in &filter.words {
        let pattern = format!("%{}%", escape_like(&word.to_lowercase()));
        rows = rows.filter(releases::search_text.like(pattern).escape('\\'));
    }
    for tag in &filter.tags {
        let pattern = format!("% {} %", escape_like(tag));
        rows = rows.filter(releases::tags.like(pattern).escape('\\'));
    }
    if let Some(member) = &filter.member {
        // A range of the index. In ASCII, `0` comes after `/`.
        rows = rows.filter(releases::name.ge(format!("{member}/")));
        rows = rows.filter(releases::name.lt(format!("{member}0")));
    }
    if let Some(domain) = &filter.domain {
        rows = rows.filter(releases::domain.eq(domain));
    }
    if let Some(license) = &filter.license {
        rows = rows.filter(releases::license.eq(license));
    }
    if let Some(input) = &filter.input {
        rows = rows.filter(releases::input.eq(input));
    }
    if let Some(most) = filter.dimensions {
        rows = rows.filter(releases::dimension.le(most));
    }
    if let Some(most) = filter.size_bytes {
        rows = rows.filter(releases::size_bytes.le(most));
    }
    if let Some(after) = &filter.after {
        rows = rows.filter(releases::name.gt(after));
    }
    rows
}

/// The values that occur among listed releases, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choices {
    pub(crate) domains: Vec<String>,
    pub(crate) licenses: Vec<String>,
    pub(crate) inputs: Vec<String>,
}

impl Choices {
    /// Reads one index from one end to the other, once for each kind.
    pub(crate) fn load(connection: &mut Connection) -> Result<Self, DatabaseError> {
        let inputs: Vec<Option<String>> = releases::table
            .filter(releases::is_listed.eq(true))
            .select(releases::input)
            .distinct()
            .order(releases::input)
            .limit(CHOICES)
            .load(connection)?;
        Ok(Self {
            domains: releases::table
                .filter(releases::is_listed.eq(true))
                .select(releases::domain)
                .distinct()
                .order(releases::domain)
                .limit(CHOICES)
                .load(connection)?,
            licenses: releases::table
                .filter(releases::is_listed.eq(true))
                .select(releases::license)
                .distinct()
                .order(releases::license)
                .limit(CHOICES)
                .load(connection)?,
            inputs: inputs.into_iter().flatten().collect(),
        })
    }
}

/// Those of the names that have a release in the first `covered` entries of the log.
pub(crate) fn published(
    connection: &mut Connection,
    names: &[String],
    covered: u64,
) -> Result<BTreeSet<String>, DatabaseError> {
    let found: Vec<String> = releases::table
        .filter(releases::name.eq_any(names))
        .filter(releases::log_index.lt(to_column(covered)?))
        .select(releases::name)
        .load(connection)?;
    Ok(found.into_iter().collect())
}

/// How many releases of each name are yanked; names without any are absent.
pub(crate) fn yanked(
    connection: &mut Connection,
    names: &[String],
) -> Result<BTreeMap<String, usize>, DatabaseError> {
    let yanked: Vec<String> = releases::table
        .filter(releases::name.eq_any(names))
        .filter(releases::is_yanked.eq(true))
        .select(releases::name)
        .load(connection)?;
    Ok(counted(yanked))
}

/// How many members have evaluated each release; those that nobody has are absent.
pub(crate) fn evaluators(
    connection: &mut Connection,
    statements: &[String],
) -> Result<BTreeMap<String, usize>, DatabaseError> {
    let pairs: Vec<(String, String)> = evaluations::table
        .filter(evaluations::release_statement.eq_any(statements))
        .select((evaluations::release_statement, evaluations::member))
        .distinct()
        .load(connection)?;
    Ok(counted(pairs.into_iter().map(|(statement, _)| statement)))
}

/// All statements of advisories about these names, each advisory's in order.
pub(crate) fn advisories(
    connection: &mut Connection,
    names: &[String],
) -> Result<Vec<AdvisoryRow>, DatabaseError> {
    Ok(advisories::table
        .filter(advisories::name.eq_any(names))
        .order((
            advisories::name,
            advisories::member,
            advisories::number,
            advisories::sequence,
        ))
        .select(AdvisoryRow::as_select())
        .load(connection)?)
}

fn counted(keys: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    counts
}

/// An extractor's input in a few words: `224×224 rgb`.
pub(crate) fn input_text(input: &Input) -> String {
    let color = match input.color {
        Color::Rgb => "rgb",
        Color::Bgr => "bgr",
        Color::Gray => "gray",
    };
    format!("{}×{} {color}", input.width, input.height)
}

/// Gives releases of a time before there was this column what their envelopes say.
pub(super) fn fill_inputs(connection: &mut Connection) -> Result<(), DatabaseError> {
    let without: Vec<(String, Vec<u8>)> = releases::table
        .filter(releases::input.is_null())
        .select((releases::statement, releases::envelope))
        .load(connection)?;
    for (statement, envelope) in without {
        let Some(input) = input_of(&envelope) else {
            // `doctor` says of such a row what is wrong with it.
            continue;
        };
        diesel::update(releases::table.find(statement))
            .set(releases::input.eq(input))
            .execute(connection)?;
    }
    Ok(())
}

fn input_of(envelope: &[u8]) -> Option<String> {
    let envelope = Envelope::parse(envelope).ok()?;
    match Statement::parse(envelope.payload()).ok()? {
        Statement::Release(release) => Some(input_text(&release.manifest().input)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
    use diesel::sql_types::{Integer, Text};

    use super::super::schema::extractors;
    use super::*;

    /// How SQLite would go about a query.
    struct Plan<Q>(Q);

    impl<Q: QueryFragment<MultiBackend>> QueryFragment<MultiBackend> for Plan<Q> {
        fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
            pass.unsafe_to_cache_prepared();
            pass.push_sql("EXPLAIN QUERY PLAN ");
            self.0.walk_ast(pass)
        }
    }

    impl<Q> QueryId for Plan<Q> {
        type QueryId = ();
        const HAS_STATIC_QUERY_ID: bool = false;
    }

    impl<Q> Query for Plan<Q> {
        type SqlType = (Integer, Integer, Integer, Text);
    }

    impl<Q> RunQueryDsl<Connection> for Plan<Q> {}

    /// Records a release as the entry at an index.
    fn record(connection: &mut Connection, name: &str, version: &str, index: i64, is_listed: bool) {
        let statement = format!("{name}@{version}");
        if is_listed {
            diesel::update(releases::table.filter(releases::name.eq(name)))
                .set(releases::is_listed.eq(false))
                .execute(connection)
                .unwrap();
        }
        let row = ReleaseRow {
            statement,
            name: name.to_owned(),
            version: version.to_owned(),
            envelope: Vec::new(),
            member: None,
            summary: String::new(),
            license: String::new(),
            domain: String::new(),
            tags: String::new(),
            search_text: format!("{name} of {version}"),
            dimension: 1,
            distance: String::new(),
            size_bytes: 1,
            changes: None,
            signers: String::new(),
            published_at: 0,
            published_by: String::new(),
            is_listed,
            is_yanked: false,
            yank_reason: None,
            yank_replacement: None,
            log_index: Some(index),
            input: Some(String::new()),
        };
        super::super::releases::insert(connection, &row, &[]).unwrap();
    }

    #[test]
    fn what_no_checkpoint_covers_is_not_found_and_hides_nothing() {
        let connection = &mut super::super::temporary().unwrap();
        for name in ["a", "b", "c"] {
            let row = (extractors::name.eq(name), extractors::revision.eq(1));
            diesel::insert_into(extractors::table)
                .values(row)
                .execute(connection)
                .unwrap();
        }
        record(connection, "b", "1.0.0", 0, true);
        record(connection, "b", "1.1.0", 1, true);
        record(connection, "c", "1.0.0", 2, true);
        record(connection, "b", "2.0.0-rc.1", 3, false);
        record(connection, "b", "2.0.0", 4, true);
        record(connection, "a", "1.0.0", 5, true);
        let mut find = |words: &str, limit: i64, covered: u64| {
            let filter = Filter {
                words: words.split_whitespace().map(str::to_owned).collect(),
                ..Filter::default()
            };
            let shown = Shown {
                covered,
                with_files: false,
            };
            let found = find(connection, &filter, limit, shown).unwrap();
            let text = |row: ListedRow| format!("{}@{}", row.name, row.version);
            found.into_iter().map(text).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(find("", 9, 0), "");
        assert_eq!(find("", 9, 1), "b@1.0.0");
        assert_eq!(find("", 9, 3), "b@1.1.0 c@1.0.0");
        assert_eq!(find("", 9, 4), "b@1.1.0 c@1.0.0", "no release candidate");
        assert_eq!(find("", 9, 5), "b@2.0.0 c@1.0.0");
        assert_eq!(find("", 9, 6), "a@1.0.0 b@2.0.0 c@1.0.0");
        // Of what is shown, not of what is not yet.
        assert_eq!(find("2.0.0", 9, 4), "");
        assert_eq!(find("1.1.0", 9, 4), "b@1.1.0");
        assert_eq!(find("", 1, 4), "b@1.1.0");
        assert_eq!(find("", 2, 6), "a@1.0.0 b@2.0.0");
        let names = ["a", "b"].map(str::to_owned);
        let shown = published(connection, &names, 5).unwrap();
        assert_eq!(shown, BTreeSet::from(["b".to_owned()]));
    }

    #[test]
    fn a_search_reads_one_index_and_no_envelope() {
        let mut connection = super::super::temporary().unwrap();
        let words = ["a", "b"].map(str::to_owned).to_vec();
        let text = Some("x".to_owned());
        let filter = Filter {
            words: words.clone(),
            tags: words.clone(),
            member: text.clone(),
            domain: text.clone(),
            license: text.clone(),
            input: text.clone(),
            dimensions: Some(1),
            size_bytes: Some(1),
            after: text,
        };
        let shown = Shown {
            covered: 0,
            with_files: false,
        };
        let steps: Vec<(i32, i32, i32, String)> =
            Plan(entries_from(7)).load(&mut connection).unwrap();
        let details: Vec<_> = steps.iter().map(|step| step.3.as_str()).collect();
        assert!(
            details[..] == ["SEARCH releases USING INDEX releases_log_index (log_index>?)"],
            "{details:?}"
        );
        for filter in [filter, Filter::default()] {
            let plan = Plan(narrow(listed(), &filter, 20, shown));
            let steps: Vec<(i32, i32, i32, String)> = plan.load(&mut connection).unwrap();
            let details: Vec<_> = steps.iter().map(|step| step.3.as_str()).collect();
            assert_eq!(details.len(), 1, "no sorting: {details:?}");
            assert!(
                details[0].contains("COVERING INDEX releases_catalogue"),
                "{details:?}"
            );
        }
    }
}
