//! What `hub predict` says.

use std::fmt;

use registry_schema::reference::Reference;
use serde::{Serialize, Serializer};

use super::chosen::Because;
use super::embedding::RunView;
use crate::error::CommandError;
use crate::output::{Answer, Page, list, percent};

#[derive(Serialize)]
pub(super) struct PredictView<'a> {
    pub(super) head: String,
    pub(super) extractor: Reference,
    pub(super) extractor_chosen: Because,
    pub(super) classes: &'a [String],
    pub(super) predictions: Vec<PredictionView<'a>>,
    /// The page that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) html: Option<String>,
    pub(super) run: RunView,
}

#[derive(Serialize)]
pub(super) struct PredictionView<'a> {
    pub(super) path: &'a str,
    pub(super) class: &'a str,
    pub(super) probability: f32,
    /// There is no answer: several classes are plausible, or none is.
    pub(super) unsure: bool,
    /// The classes that cannot be ruled out, most probable first: one is an answer, several are a doubt
    /// between them, none is no idea.
    pub(super) plausible: Vec<&'a str>,
    /// The image is farther from the labelled images than they are from each other.
    pub(super) unlike_anything_shown: bool,
    /// Mean cosine distance from the nearest labelled images; null for heads of the first format.
    pub(super) distance: Option<f64>,
    pub(super) probabilities: Probabilities<'a>,
}

/// The probability of each class. Of a hundred thousand images there are many, so they name no class themselves.
pub(super) struct Probabilities<'a> {
    pub(super) classes: &'a [String],
    pub(super) values: Vec<f32>,
}

impl Serialize for Probabilities<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.classes.iter().zip(&self.values))
    }
}

impl PredictView<'_> {
    /// A line for each image; the doubts as in JSON.
    pub(super) fn csv(&self) -> Result<Vec<u8>, CommandError> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let head = [
            "path",
            "class",
            "probability",
            "unsure",
            "plausible",
            "unlike_anything_shown",
            "distance",
        ];
        let classes = self.classes.iter().map(String::as_str);
        writer.write_record(head.into_iter().chain(classes))?;
        for one in &self.predictions {
            let numbers = one.probabilities.values.iter().map(ToString::to_string);
            let start = [
                one.path.to_owned(),
                one.class.to_owned(),
                one.probability.to_string(),
                one.unsure.to_string(),
                cell(&one.plausible)?,
                one.unlike_anything_shown.to_string(),
                one.distance
                    .map(|value| value.to_string())
                    .unwrap_or_default(),
            ];
            writer.write_record(start.into_iter().chain(numbers))?;
        }
        whole(writer)
    }
}

/// Several classes in one cell: a line of CSV of its own, with `;` between them.
fn cell(classes: &[&str]) -> Result<String, CommandError> {
    if classes.is_empty() {
        return Ok(String::new());
    }
    let mut writer = csv::WriterBuilder::new()
        .delimiter(b';')
        .from_writer(Vec::new());
    writer.write_record(classes)?;
    let line = String::from_utf8_lossy(&whole(writer)?).into_owned();
    Ok(line.trim_end_matches('\n').to_owned())
}

fn whole(writer: csv::Writer<Vec<u8>>) -> Result<Vec<u8>, CommandError> {
    writer
        .into_inner()
        .map_err(|error| CommandError::Output(error.into_error()))
}

impl Answer for PredictView<'_> {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let row = |one: &PredictionView<'_>| {
            vec![
                one.path.to_owned(),
                one.class.to_owned(),
                format!("{:.4}", one.probability),
                one.remark(),
            ]
        };
        let rows: Vec<_> = self.predictions.iter().map(row).collect();
        page.table(&["PATH", "CLASS", "PROBABILITY", "REMARK"], &rows)?;
        if let Some(path) = &self.html {
            page.line("")?;
            page.field("written to", path)?;
        }
        Ok(())
    }
}

impl PredictionView<'_> {
    /// What is said of it, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let remark = self.remark();
        let answer = format!("{}, {}", self.class, percent(f64::from(self.probability)));
        [answer, remark]
            .into_iter()
            .filter(|line| !line.is_empty())
            .collect()
    }

    /// Why the answer should not be relied on.
    fn remark(&self) -> String {
        let doubt = match self.plausible.as_slice() {
            [_] => None,
            [] => Some("unsure".to_owned()),
            [one, other] => Some(format!("unsure: {one} or {other}")),
            several => Some(format!("unsure between {} classes", several.len())),
        };
        let unlike = self
            .unlike_anything_shown
            .then(|| "unlike anything shown in training".to_owned());
        list(doubt.into_iter().chain(unlike))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::cell;

    #[test]
    fn classes_in_one_cell_can_be_told_apart() {
        let cells = |classes: &[&str]| cell(classes).unwrap();
        assert_eq!(cells(&[]), "");
        assert_eq!(cells(&["passport", "visa"]), "passport;visa");
        assert_eq!(cells(&["a;b", "say \"c\""]), "\"a;b\";\"say \"\"c\"\"\"");
    }
}
