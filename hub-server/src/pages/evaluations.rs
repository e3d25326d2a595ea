//! What members found out about a release: figures as a table, and as a plot of intervals.

use registry_schema::statement::{EvaluationStatement, Verdict};
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::verify::{VerifiedRelease, verify_evaluation};
use std::collections::BTreeMap;

use super::shown::{Moment, counted, percent};
use crate::database::evaluations::EvaluationRow;
use crate::database::{DatabaseError, from_column};

/// Pixels of the plot for a member: a line of text, and the interval below it.
const ROW_PIXELS: usize = 46;

/// What each member says today of one release.
#[derive(Debug)]
pub(crate) struct Evaluations {
    pub(super) rows: Vec<Row>,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) member: String,
    pub(super) task: String,
    pub(super) verdict: &'static str,
    pub(super) images: u64,
    pub(super) classes: usize,
    pub(super) accuracy: String,
    pub(super) likely: String,
    pub(super) balanced_accuracy: String,
    pub(super) log_loss: String,
    pub(super) comparison: Option<String>,
    pub(super) entry: u64,
    pub(super) said: Moment,
    /// In hundredths of the plot's width.
    pub(super) low: String,
    pub(super) middle: String,
    pub(super) high: String,
    /// Where in the plot its text stands, in pixels from the top.
    pub(super) text_pixel: usize,
    /// And where its interval lies.
    pub(super) line_pixel: usize,
}

impl Evaluations {
    /// The last one of each member, in order of members, of those that the first `covered` entries of
    /// the log have and whose keys count there.
    pub(super) fn of(
        root: &ConsortiumRoot,
        release: &VerifiedRelease,
        recorded: &[EvaluationRow],
        covered: u64,
    ) -> Result<Self, DatabaseError> {
        let keys = root.including_lapsed_keyrings();
        let mut last = BTreeMap::new();
        for row in recorded {
            let entry = from_column(row.log_index)?;
            if entry >= covered {
                continue;
            }
            // What a key said that was taken back is not shown.
            if let Ok(said) = verify_evaluation(&keys, release, &row.envelope, entry) {
                let told = Row::of(said.statement(), entry, row.recorded_at)?;
                last.insert(row.member.clone(), told);
            }
        }
        let mut rows: Vec<Row> = last.into_values().collect();
        for (at, row) in rows.iter_mut().enumerate() {
            row.text_pixel = at * ROW_PIXELS + 18;
            row.line_pixel = at * ROW_PIXELS + 32;
        }
        Ok(Self { rows })
    }

    /// The plot in words, for those who do not see it.
    pub(super) fn plot_in_words(&self) -> String {
        let rows = self
            .rows
            .iter()
            .map(|row| format!("{}: {}, {}", row.member, row.accuracy, row.likely));
        format!(
            "Accuracy by member, with the interval that holds the true share 19 times in 20. {}.",
            rows.collect::<Vec<_>>().join("; ")
        )
    }

    pub(super) fn plot_pixels(&self) -> usize {
        self.rows.len() * ROW_PIXELS + 26
    }

    pub(super) fn axis_pixel(&self) -> usize {
        self.rows.len() * ROW_PIXELS + 2
    }

    pub(super) fn scale_pixel(&self) -> usize {
        self.rows.len() * ROW_PIXELS + 20
    }

    pub(super) fn count(&self) -> String {
        counted(self.rows.len(), "member", "members")
    }
}

impl Row {
    fn of(said: &EvaluationStatement, entry: u64, at: i64) -> Result<Self, DatabaseError> {
        let figures = &said.figures;
        let interval = figures.accuracy_interval();
        let place = |share: f64| format!("{:.2}%", share * 100.0);
        let comparison = said.comparison.as_ref().map(|other| {
            let release = &other.release;
            format!(
                "{} with {release} on the same images",
                percent(other.accuracy)
            )
        });
        Ok(Self {
            member: said.by.to_string(),
            task: said.task.clone(),
            verdict: match said.verdict {
                Verdict::Passed => "fit",
                Verdict::Warned => "with reservations",
                Verdict::Failed => "not fit",
            },
            images: figures.images(),
            classes: figures.classes().len(),
            accuracy: percent(figures.accuracy()),
            likely: format!("{} to {}", percent(interval.low), percent(interval.high)),
            balanced_accuracy: percent(figures.balanced_accuracy()),
            log_loss: format!("{:.3}", figures.log_loss()),
            comparison,
            entry,
            said: Moment::of(at)?,
            low: place(interval.low),
            middle: place(figures.accuracy()),
            high: place(interval.high),
            text_pixel: 0,
            line_pixel: 0,
        })
    }
}
