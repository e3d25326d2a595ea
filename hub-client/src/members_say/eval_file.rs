//! What `hub eval --json` writes, as far as it is signed.

use std::path::Path;

use registry_schema::digest::Digest;
use registry_schema::limits;
use registry_schema::reference::Reference;
use registry_schema::statement::{ClassFigures, Figures, StatementError};
use serde::Deserialize;

use super::SayError;
use crate::files;
use crate::head::metrics::Metrics;

/// Largest file: a confusion matrix of 200 classes and what was said of 100,000 images, printed prettily.
const FILE_BYTES: u64 = 64 << 20;

/// Figures of a head on one release's features.
#[derive(Clone, Debug)]
pub struct EvalFile {
    /// The release the features are of.
    pub release: Reference,
    /// Its statement.
    pub statement: Digest,
    /// How it went.
    pub figures: Figures,
}

/// What is read of the file; more may be in it.
#[derive(Deserialize)]
struct Written {
    extractor: Reference,
    extractor_statement: Digest,
    trained_on: usize,
    unseen: bool,
    #[serde(flatten)]
    metrics: Metrics,
}

impl EvalFile {
    /// Reads an evaluation. With `hide_classes` they are called `class 1`, `class 2`, …: what a
    /// member tells apart may be its own business.
    ///
    /// # Errors
    /// [`SayError`], also for figures on images the head was trained on, which nobody should sign.
    pub fn read(path: &Path, hide_classes: bool) -> Result<Self, SayError> {
        let bytes = files::read_limited(path, FILE_BYTES)?;
        let written: Written =
            serde_json::from_slice(&bytes).map_err(|source| SayError::EvalFile {
                path: path.to_owned(),
                source,
            })?;
        if written.trained_on > 0 && !written.unseen {
            return Err(SayError::TrainingImages {
                path: path.to_owned(),
                count: written.trained_on,
            });
        }
        let figures =
            figures(&written.metrics, hide_classes).map_err(|source| SayError::Figures {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self {
            release: written.extractor,
            statement: written.extractor_statement,
            figures,
        })
    }

    /// What the classes are, for who says nothing else of the task.
    pub fn task(&self) -> String {
        let classes = self.figures.classes().iter().map(|one| one.class.as_str());
        let text = format!("tell apart {}", classes.collect::<Vec<_>>().join(", "));
        text.chars().take(limits::TASK_CHARACTERS).collect()
    }
}

/// The counts of the classes that occur.
fn figures(metrics: &Metrics, hide_classes: bool) -> Result<Figures, StatementError> {
    let count = |images: usize| u32::try_from(images).unwrap_or(u32::MAX);
    let mut classes = Vec::new();
    for (index, class) in metrics.classes.iter().enumerate() {
        let row = metrics.confusion.get(index).map_or(&[][..], Vec::as_slice);
        if row.iter().sum::<usize>() != class.images {
            return Err(StatementError::Class {
                class: class.class.clone(),
                problem: "its row of the confusion matrix has another number of images",
            });
        }
        if class.images > 0 {
            classes.push(ClassFigures {
                class: if hide_classes {
                    format!("class {}", index + 1)
                } else {
                    class.class.clone()
                },
                images: count(class.images),
                correct: count(row.get(index).copied().unwrap_or(0)),
            });
        }
    }
    Figures::new(classes, metrics.log_loss)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn text() -> String {
        let metrics = r#""images":4,"accuracy":0.75,"accuracy_interval":{"low":0.3,"high":0.9},
            "balanced_accuracy":0.75,"log_loss":0.5,"confusion":[[1,1,0],[0,2,0],[0,0,0]],
            "classes":[{"class":"red","images":2,"recall":0.5,"precision":1.0},
            {"class":"blue","images":2,"recall":1.0,"precision":0.6},
            {"class":"green","images":0,"recall":null,"precision":null}]"#;
        format!(
            r#"{{"head":"colours","extractor":"dots@1.0.0","extractor_statement":"{}",
            "extractor_chosen":"newest","trained_on":2,"unseen":true,{metrics},"run":{{}}}}"#,
            Digest::of(b"statement")
        )
    }

    fn read(text: &str, hide_classes: bool) -> Result<EvalFile, SayError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eval.json");
        files::write_atomic(&path, text.as_bytes()).unwrap();
        EvalFile::read(&path, hide_classes)
    }

    #[test]
    fn counts_are_taken_and_classes_without_images_are_not() {
        let read_file = read(&text(), false).unwrap();
        assert_eq!(read_file.release.to_string(), "dots@1.0.0");
        assert_eq!(read_file.figures.images(), 4);
        assert_eq!(read_file.figures.accuracy(), 0.75);
        assert_eq!(read_file.task(), "tell apart red, blue");
        let hidden = read(&text(), true).unwrap();
        assert_eq!(hidden.task(), "tell apart class 1, class 2");
        assert_eq!(hidden.figures.accuracy(), 0.75);
    }

    #[test]
    fn flattering_and_foreign_files_are_refused() {
        assert!(matches!(
            read(
                &text().replace("\"unseen\":true", "\"unseen\":false"),
                false
            ),
            Err(SayError::TrainingImages { count: 2, .. })
        ));
        assert!(matches!(
            read("{\"accuracy\":1}", false),
            Err(SayError::EvalFile { .. })
        ));
        assert!(matches!(
            read(&text().replace("[0,2,0]", "[0,3,0]"), false),
            Err(SayError::Figures { .. })
        ));
    }
}
