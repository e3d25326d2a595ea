//! `hub search`

use std::fmt;

use registry_schema::api::{ExtractorSummary, SearchQuery};
use serde::Serialize;

use crate::app::Outcome;
use crate::args::SearchArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, size};

/// Rows a hub gives at once.
const PAGE_ROWS: u32 = 200;

#[derive(Serialize)]
struct SearchView {
    extractors: Vec<ExtractorSummary>,
    /// Whether the hub has more than were asked for.
    more: bool,
}

pub(super) async fn search(args: &SearchArgs, context: &Context) -> Result<Outcome, CommandError> {
    let registry = context.registry("search")?;
    let words = args.words.join(" ");
    let mut query = SearchQuery {
        q: (!words.trim().is_empty()).then_some(words),
        tag: args.tag.clone(),
        domain: args.domain.clone(),
        member: args.member.clone(),
        license: args.license.clone(),
        ..SearchQuery::default()
    };
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let mut extractors = Vec::new();
    let more = loop {
        let missing = u32::try_from(limit - extractors.len()).unwrap_or(PAGE_ROWS);
        query.limit = Some(missing.min(PAGE_ROWS));
        let page = registry.search(&query).await?;
        // A hub that gives nothing and promises more would keep us here for ever.
        let is_empty = page.extractors.is_empty();
        extractors.extend(page.extractors);
        if page.next.is_none() || is_empty {
            break false;
        }
        if extractors.len() >= limit {
            break true;
        }
        query.after = page.next;
    };
    extractors.truncate(limit);
    let is_empty = extractors.is_empty();
    context.show(&SearchView { extractors, more })?;
    if is_empty {
        context.report().note("nothing was found");
    } else if more {
        context
            .report()
            .note("there are more: --limit N shows them");
    }
    Ok(Outcome::Done)
}

impl Answer for SearchView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        if self.extractors.is_empty() {
            return Ok(());
        }
        let row = |row: &ExtractorSummary| {
            vec![
                row.name.to_string(),
                row.version.to_string(),
                row.dimension.to_string(),
                size(row.size_bytes),
                row.license.clone(),
                row.domain.clone(),
                row.summary.clone(),
            ]
        };
        let rows: Vec<_> = self.extractors.iter().map(row).collect();
        page.table(
            &[
                "NAME",
                "VERSION",
                "DIMENSION",
                "SIZE",
                "LICENCE",
                "DOMAIN",
                "SUMMARY",
            ],
            &rows,
        )
    }
}
