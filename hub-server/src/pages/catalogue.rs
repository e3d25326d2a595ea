//! The first page: extractors that fit, a page at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use askama::Template;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use registry_schema::name::{MemberName, Name};
use registry_schema::statement::Severity;
use registry_schema::trust_root::ConsortiumRoot;
use serde::Deserialize;

use super::extractor::open_warnings;
use super::shown::{Moment, counted, size};
use super::{PageError, Part, Site, extractor_path};
use crate::app::Hub;
use crate::database::catalogue::{self as rows, Choices, Filter, ListedRow};
use crate::database::{Connection, DatabaseError, from_column, to_name};
use crate::resolve::shown;

/// Extractors on a page.
const ROWS: usize = 25;

/// Most words of a search; each nests the query one deeper.
const WORDS: usize = 16;

/// Longest text of a field, in bytes.
const FIELD_BYTES: usize = 200;

/// What a reader looks for, as the form sends it: fields that were left empty are empty texts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wish {
    q: String,
    domain: String,
    tag: String,
    license: String,
    input: String,
    dimensions: String,
    megabytes: String,
    after: String,
}

impl Wish {
    /// What to look for in the database, and what of the wish was not understood.
    fn filter(&self) -> (Filter, Vec<&'static str>) {
        let mut misread = Vec::new();
        let mut number = |text: &str, field: &'static str, unit: f64| {
            let text = text.trim();
            let wanted = text.replace(',', ".").parse::<f64>();
            match wanted {
                _ if text.is_empty() => None,
                Ok(number) if (0.0..1e12).contains(&number) => {
                    #[expect(clippy::cast_possible_truncation, reason = "below 10¹⁸")]
                    let number = (number * unit) as i64;
                    Some(number)
                }
                _ => {
                    misread.push(field);
                    None
                }
            }
        };
        let dimensions = number(&self.dimensions, "Dimensions, at most", 1.0);
        let size_bytes = number(&self.megabytes, "Megabytes, at most", 1e6);
        let text = |text: &str| {
            let text = text.trim();
            let short = text.floor_char_boundary(FIELD_BYTES);
            (!text.is_empty()).then(|| text[..short].to_owned())
        };
        let words = text(&self.q).unwrap_or_default();
        let filter = Filter {
            words: words
                .split_whitespace()
                .take(WORDS)
                .map(str::to_owned)
                .collect(),
            tags: text(&self.tag).into_iter().collect(),
            member: None,
            domain: text(&self.domain),
            license: text(&self.license),
            input: text(&self.input),
            dimensions,
            size_bytes,
            after: text(&self.after),
        };
        (filter, misread)
    }

    fn is_narrowed(&self) -> bool {
        let fields = [
            &self.q,
            &self.domain,
            &self.tag,
            &self.license,
            &self.input,
            &self.dimensions,
            &self.megabytes,
        ];
        fields.iter().any(|field| !field.trim().is_empty())
    }

    /// Whether filters beyond words are set, so that they are shown open.
    fn is_filtered(&self) -> bool {
        Self {
            q: String::new(),
            ..self.clone()
        }
        .is_narrowed()
    }

    /// The address of the page after a name.
    fn next(&self, after: &str) -> String {
        let fields = [
            ("q", self.q.as_str()),
            ("domain", &self.domain),
            ("tag", &self.tag),
            ("license", &self.license),
            ("input", &self.input),
            ("dimensions", &self.dimensions),
            ("megabytes", &self.megabytes),
            ("after", after),
        ];
        let mut query = String::from("/?");
        for (field, value) in fields {
            if !value.is_empty() {
                if !query.ends_with('?') {
                    query.push('&');
                }
                query.push_str(field);
                query.push('=');
                query.push_str(&encoded(value));
            }
        }
        query
    }
}

/// What a query holds as it is (RFC 3986 §2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A value of a query, percent-encoded.
pub(crate) fn encoded(value: &str) -> String {
    utf8_percent_encode(value, UNRESERVED).to_string()
}

/// The first page.
#[derive(Debug, Template)]
#[template(path = "catalogue.html")]
pub(crate) struct CataloguePage {
    site: Site,
    wish: Wish,
    misread: Vec<&'static str>,
    choices: Arc<Choices>,
    rows: Vec<Row>,
    next: Option<String>,
}

#[derive(Debug)]
struct Row {
    name: String,
    path: String,
    summary: String,
    version: String,
    published: Moment,
    domain: String,
    tags: Vec<Tag>,
    dimension: i64,
    size: String,
    license: String,
    input: String,
    owners: String,
    evaluations: Option<String>,
    yanked: Option<String>,
    /// How bad the worst open advisory is, and how many are open.
    warnings: Option<(&'static str, String)>,
    is_yanked: bool,
}

#[derive(Debug)]
struct Tag {
    word: String,
    path: String,
}

impl CataloguePage {
    /// Extractors that fit, with what there is to tell of them, in a fixed number of queries.
    pub(crate) fn load(
        connection: &mut Connection,
        hub: &Hub,
        reader: Option<MemberName>,
        wish: Wish,
    ) -> Result<Self, PageError> {
        let (filter, misread) = wish.filter();
        let shown = shown(hub);
        let choices = choices(connection, hub)?;
        let limit = i64::try_from(ROWS + 1).unwrap_or(i64::MAX);
        let mut found = rows::find(connection, &filter, limit, shown)?;
        let has_more = found.len() > ROWS;
        found.truncate(ROWS);
        let last = found.last().filter(|_| has_more);
        let next = last.map(|row| wish.next(&row.name));
        let told = Told::of(connection, hub, &found)?;
        let root = &hub.trust_root().root;
        let rows = found
            .into_iter()
            .map(|row| told.row(root, row))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            site: Site::new(hub, reader, Part::Extractors),
            wish,
            misread,
            choices,
            rows,
            next,
        })
    }

    fn is_narrowed(&self) -> bool {
        self.wish.is_narrowed()
    }

    fn is_filtered(&self) -> bool {
        self.wish.is_filtered()
    }

    fn is_first(&self) -> bool {
        self.wish.after.is_empty()
    }
}

/// What the filters offer, looked for only when something has changed.
fn choices(connection: &mut Connection, hub: &Hub) -> Result<Arc<Choices>, DatabaseError> {
    let basis = hub.answers.basis(hub.log.published(), hub.trust_root());
    if let Some(known) = hub.answers.choices(&basis) {
        return Ok(known);
    }
    let choices = Arc::new(Choices::load(connection)?);
    hub.answers.keep_choices(basis, &choices);
    Ok(choices)
}

/// What is told of the extractors of a page beside their rows.
struct Told {
    evaluators: BTreeMap<String, usize>,
    yanked: BTreeMap<String, usize>,
    /// Severities of the open advisories by name, mildest first.
    warnings: BTreeMap<String, Vec<&'static str>>,
}

impl Told {
    fn of(connection: &mut Connection, hub: &Hub, found: &[ListedRow]) -> Result<Self, PageError> {
        let statements: Vec<_> = found.iter().map(|row| row.statement.clone()).collect();
        let names: Vec<_> = found.iter().map(|row| row.name.clone()).collect();
        let said = rows::advisories(connection, &names)?;
        let warned: BTreeSet<&str> = said.iter().map(|row| row.name.as_str()).collect();
        let (root, covered) = (&hub.trust_root().root, hub.log.published_size());
        let mut warnings = BTreeMap::new();
        for name in warned {
            let parsed = to_name(name)?;
            let of_name = said.iter().filter(|row| row.name == name);
            let mut open: Vec<_> = open_warnings(root, &parsed, of_name, covered)
                .iter()
                .map(|warning| warning.severity)
                .collect();
            open.sort_unstable();
            let words = open.into_iter().map(Severity::as_str);
            warnings.insert(name.to_owned(), words.collect());
        }
        Ok(Self {
            evaluators: rows::evaluators(connection, &statements)?,
            yanked: rows::yanked(connection, &names)?,
            warnings,
        })
    }

    fn row(&self, root: &ConsortiumRoot, row: ListedRow) -> Result<Row, DatabaseError> {
        let name = to_name(&row.name)?;
        let tags = row.tags.split_whitespace().map(|word| Tag {
            path: format!("/?tag={}", encoded(word)),
            word: word.to_owned(),
        });
        let warnings = self.warnings.get(&row.name);
        let evaluators = self.evaluators.get(&row.statement);
        let yanked = self.yanked.get(&row.name);
        Ok(Row {
            path: extractor_path(&name),
            owners: owners(root, &name),
            published: Moment::of(row.published_at)?,
            tags: tags.collect(),
            size: size(from_column(row.size_bytes)?),
            evaluations: evaluators.map(|count| counted(*count, "member", "members")),
            yanked: yanked.map(|count| counted(*count, "release", "releases")),
            warnings: warnings.and_then(|open| {
                let worst = open.last()?;
                Some((*worst, counted(open.len(), "advisory", "advisories")))
            }),
            name: row.name,
            summary: row.summary,
            version: row.version,
            domain: row.domain,
            dimension: row.dimension,
            license: row.license,
            input: row.input.unwrap_or_default(),
            is_yanked: row.is_yanked,
        })
    }
}

/// Who owns a name, and how many of them sign a release.
pub(super) fn owners(root: &ConsortiumRoot, name: &Name) -> String {
    let Some((owners, threshold)) = root.latest_owners(name) else {
        return "nobody any more".to_owned();
    };
    let names: Vec<_> = owners.iter().map(MemberName::as_str).collect();
    let names = names.join(", ");
    match owners.len() {
        0 | 1 => names,
        count => format!("{names} ({threshold} of {count} sign)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_and_the_page_after_it() {
        let wish = Wish {
            q: "mrz & co".into(),
            megabytes: "12,5".into(),
            dimensions: "many".into(),
            ..Wish::default()
        };
        let (filter, misread) = wish.filter();
        assert_eq!(filter.words, ["mrz", "&", "co"]);
        assert_eq!(filter.size_bytes, Some(12_500_000));
        assert_eq!((filter.dimensions, misread.len()), (None, 1));
        assert_eq!(
            wish.next("alpha/squares"),
            "/?q=mrz%20%26%20co&dimensions=many&megabytes=12%2C5&after=alpha%2Fsquares"
        );
        assert!(!Wish::default().is_narrowed() && wish.is_filtered());
    }
}
