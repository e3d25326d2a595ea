//! JSON lines, COCO and FiftyOne.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use super::label_studio;
use crate::dataset::DatasetError;
use crate::dataset::labels::{Line, Place};

/// One JSON value: COCO, FiftyOne, Label Studio, or a single line of JSON lines.
pub(super) fn read_value(file: &Path, value: &Value) -> Result<Vec<Line>, DatasetError> {
    match value {
        Value::Array(tasks) => label_studio::read(file, tasks),
        _ if value["images"].is_array() && value["categories"].is_array() => coco(file, value),
        _ if value["labels"].is_object() => fiftyone_classes(file, value),
        _ if value["samples"].is_array() => fiftyone_samples(file, value),
        _ if value["label"].is_string() => Ok(vec![object(file, 1, value)?]),
        _ => Err(unknown(file)),
    }
}

/// An object a line.
pub(super) fn read_lines(
    file: &Path,
    bytes: &[u8],
    whole: &serde_json::Error,
) -> Result<Vec<Line>, DatasetError> {
    let mut lines = Vec::new();
    let numbered = (1_u64..).zip(bytes.split(|&byte| byte == b'\n'));
    for (number, line) in numbered.filter(|(_, line)| !line.trim_ascii().is_empty()) {
        let value: Value = serde_json::from_slice(line).map_err(|error| {
            // What begins like one value and ends early is no list of lines.
            let problem = match lines.is_empty() {
                true => format!("is no valid JSON: {whole}"),
                false => format!("is no valid JSON: {error}"),
            };
            DatasetError::Line {
                file: file.to_owned(),
                line: if lines.is_empty() {
                    whole.line() as u64
                } else {
                    number
                },
                problem,
            }
        })?;
        lines.push(object(file, number, &value)?);
    }
    Ok(lines)
}

fn object(file: &Path, number: u64, value: &Value) -> Result<Line, DatasetError> {
    let path = value["path"]
        .as_str()
        .or_else(|| value["file_name"].as_str());
    let path = path.unwrap_or_default().to_owned();
    let label = value["label"].as_str().unwrap_or_default();
    Line::new(file, Place::Line(number), path, label)
}

/// The `Common Objects in Context` layout; boxes and masks are not looked at.
fn coco(file: &Path, value: &Value) -> Result<Vec<Line>, DatasetError> {
    let named = |list: &'static str, name: &str| -> HashMap<u64, String> {
        let items = value[list].as_array().into_iter().flatten();
        let pair = |item: &Value| Some((item["id"].as_u64()?, item[name].as_str()?.to_owned()));
        items.filter_map(pair).collect()
    };
    let (images, categories) = (named("images", "file_name"), named("categories", "name"));
    let annotations = value["annotations"].as_array().into_iter().flatten();
    let mut lines = Vec::new();
    for (number, annotation) in (1..).zip(annotations) {
        let found = |names: &HashMap<u64, String>, key: &str| {
            let id = annotation[key]
                .as_u64()
                .and_then(|id| names.get(&id))
                .cloned();
            id.ok_or_else(|| DatasetError::Entry {
                file: file.to_owned(),
                entry: number,
                problem: format!("has no `{key}` that is listed"),
            })
        };
        let (path, label) = (
            found(&images, "image_id")?,
            found(&categories, "category_id")?,
        );
        lines.push(Line::new(file, Place::Entry(number), path, &label)?);
    }
    Ok(lines)
}

/// `{"classes": […], "labels": {path without ending: class, its number, or null}}`
fn fiftyone_classes(file: &Path, value: &Value) -> Result<Vec<Line>, DatasetError> {
    let mut lines = Vec::new();
    let labels = value["labels"].as_object().into_iter().flatten();
    for (number, (path, target)) in (1..).zip(labels) {
        let label = match target {
            Value::Null => continue,
            Value::String(label) => Some(label.as_str()),
            Value::Number(index) => index
                .as_u64()
                .and_then(|index| value["classes"].get(usize::try_from(index).ok()?)?.as_str()),
            _ => None,
        };
        let label = label.ok_or_else(|| DatasetError::Entry {
            file: file.to_owned(),
            entry: number,
            problem: format!("`{path}` has no class that is listed"),
        })?;
        lines.push(Line::new(file, Place::Entry(number), path.clone(), label)?.without_ending());
    }
    Ok(lines)
}

/// `{"samples": [{"filepath": …, FIELD: {"_cls": "Classification", "label": …}}]}`
fn fiftyone_samples(file: &Path, value: &Value) -> Result<Vec<Line>, DatasetError> {
    let mut lines = Vec::new();
    for (number, sample) in (1..).zip(value["samples"].as_array().into_iter().flatten()) {
        let fields = sample.as_object().into_iter().flatten();
        let mut labels = fields
            .filter(|(_, field)| field["_cls"] == "Classification")
            .filter_map(|(_, field)| field["label"].as_str());
        let Some(label) = labels.next() else { continue };
        if labels.any(|other| other != label) {
            return Err(DatasetError::Entry {
                file: file.to_owned(),
                entry: number,
                problem: "has several classifications that differ: export one field".to_owned(),
            });
        }
        let path = sample["filepath"].as_str().unwrap_or_default().to_owned();
        lines.push(Line::new(file, Place::Entry(number), path, label)?);
    }
    Ok(lines)
}

fn unknown(file: &Path) -> DatasetError {
    DatasetError::UnknownFormat {
        file: file.to_owned(),
    }
}
