//! Exports of Label Studio: JSON, and JSON-MIN.

use std::path::Path;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::dataset::DatasetError;
use crate::dataset::labels::{Line, Place};

/// How files that lie on the server's disk are named.
pub(super) const LOCAL_FILES: &str = "/data/local-files/?d=";

/// How files are named that were sent to the server.
const UPLOADS: &str = "/data/upload/";

/// The tasks that have a choice. Cancelled annotations count as none.
pub(super) fn read(file: &Path, tasks: &[Value]) -> Result<Vec<Line>, DatasetError> {
    let mut lines = Vec::new();
    for (number, task) in (1..).zip(tasks) {
        let problem = |problem: &str| DatasetError::Entry {
            file: file.to_owned(),
            entry: number,
            problem: problem.to_owned(),
        };
        let mut choices = choices(task);
        choices.sort_unstable();
        choices.dedup();
        let label = match choices[..] {
            [] => continue,
            [label] => label,
            _ => return Err(problem("has several choices: an image has one class here")),
        };
        let data = if task["data"].is_object() {
            &task["data"]
        } else {
            task
        };
        let image = data["image"].as_str().or_else(|| first_path(data));
        let image = image.ok_or_else(|| problem("names no image"))?;
        lines.push(Line::new(
            file,
            Place::Entry(number),
            file_name(image),
            label,
        )?);
    }
    Ok(lines)
}

/// All that was chosen for a task.
fn choices(task: &Value) -> Vec<&str> {
    if let Some(choice) = task["choice"].as_str() {
        return vec![choice];
    }
    let annotations = task["annotations"].as_array().into_iter().flatten();
    let results = annotations
        .filter(|annotation| annotation["was_cancelled"] != true)
        .flat_map(|annotation| annotation["result"].as_array().into_iter().flatten());
    results
        .filter(|result| result["type"] == "choices")
        .flat_map(|result| result["value"]["choices"].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
        .collect()
}

/// The first text of a task that looks like a place: projects name the field as they like.
fn first_path(data: &Value) -> Option<&str> {
    let mut texts = data.as_object()?.values().filter_map(Value::as_str);
    texts.find(|text| text.contains('/') || text.contains('.'))
}

/// What the file is called outside of the server.
fn file_name(image: &str) -> String {
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    if let Some((_, path)) = image.split_once(LOCAL_FILES) {
        return plain(path);
    }
    if let Some((_, path)) = image.split_once(UPLOADS) {
        let name = path.rsplit('/').next().unwrap_or(path);
        // Eight hexadecimal digits and a dash stand before the name it had.
        let own = name.split_once('-').filter(|(mark, _)| {
            mark.len() == 8 && mark.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        return plain(own.map_or(name, |(_, rest)| rest));
    }
    plain(image.strip_prefix("file://").unwrap_or(image))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_outside_of_the_server() {
        for (inside, outside) in [
            ("/data/local-files/?d=scans/a%20b.png", "scans/a b.png"),
            ("/data/upload/3/0a1b2c3d-cat-1.png", "cat-1.png"),
            ("/data/upload/3/cat-1.png", "cat-1.png"),
            ("file:///home/x/%C3%BC.png", "/home/x/ü.png"),
            ("scans/a.png", "scans/a.png"),
        ] {
            assert_eq!(file_name(inside), outside);
        }
    }
}
