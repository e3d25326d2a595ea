//! Labels for other programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::label_studio::LOCAL_FILES;
use crate::dataset::{DatasetError, journal};
use crate::files::{self, AtomicFile, Destination, FileError, StagedFolder};

/// What stays as it is in an address.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_');

/// Bytes that tell a journal.
const JOURNAL_START: u64 = 64;

/// How a file of labels is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelFormat {
    /// The columns path and label.
    Csv,
    /// An object with path and label a line.
    Jsonl,
    /// Images, annotations, categories.
    Coco,
    /// `labels.json` of FiftyOne's image classification datasets.
    FiftyOne,
    /// Tasks with a choice, for Label Studio.
    LabelStudio,
}

/// An image with its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// The image's name, relative to its folder.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its class.
    pub label: String,
}

/// Writes a file of labels; it appears when it is whole.
///
/// # Errors
/// [`DatasetError`]: the file cannot be written or is a journal, or FiftyOne would take two images for one.
pub fn write_labels(
    images: &[Labelled],
    format: LabelFormat,
    destination: &Destination,
) -> Result<(), DatasetError> {
    let file = destination.path();
    if files::read_start(file, JOURNAL_START).is_ok_and(|start| journal::is_journal(&start)) {
        return Err(DatasetError::OverJournal {
            file: file.to_owned(),
        });
    }
    let text = match format {
        LabelFormat::Csv => csv(images),
        LabelFormat::Jsonl => jsonl(images),
        LabelFormat::Coco => pretty(&coco(images)),
        LabelFormat::FiftyOne => pretty(&fiftyone(images, file)?),
        LabelFormat::LabelStudio => pretty(&label_studio(images)),
    };
    let failed = |source| FileError::new("cannot write", file, source);
    let mut written = AtomicFile::create_at(destination)?;
    written.write_all(text.as_bytes()).map_err(failed)?;
    Ok(written.commit()?)
}

/// Copies images into a new folder, each into the folder of its class.
///
/// # Errors
/// [`DatasetError::NoFolderName`] for a label that cannot name a folder; [`DatasetError::File`], also
/// when there is something at `folder`. Nothing is left behind then.
pub fn write_folders(images: &[Labelled], folder: &Path) -> Result<(), DatasetError> {
    let staged = StagedFolder::create(folder)?;
    let mut taken = BTreeSet::new();
    for image in images {
        if !names_a_folder(&image.label) {
            return Err(DatasetError::NoFolderName {
                label: image.label.clone(),
            });
        }
        let plain = image.name.rsplit('/').next().unwrap_or(&image.name);
        let mut target = format!("{}/{plain}", image.label);
        // Two images of one name from two folders.
        let mut number = 2;
        while !taken.insert(target.clone()) {
            target = format!("{}/{number}-{plain}", image.label);
            number += 1;
        }
        let failed = |source| FileError::new("cannot copy", &image.path, source);
        let mut from = BufReader::new(File::open(&image.path).map_err(failed)?);
        let mut to = staged.file(&target)?;
        io::copy(&mut from, &mut to).map_err(failed)?;
        to.commit()?;
    }
    Ok(staged.commit()?)
}

/// One that reads back as the same class, on any system.
fn names_a_folder(label: &str) -> bool {
    let is_strange = |character| matches!(character, '/' | '\\' | ':' | '\0');
    !label.is_empty() && !label.starts_with('.') && !label.contains(is_strange)
}

fn csv(images: &[Labelled]) -> String {
    let quoted = |text: &str| {
        if text.contains(['"', ',', '\n', '\r']) || text != text.trim() {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.to_owned()
        }
    };
    let line = |image: &Labelled| format!("{},{}\n", quoted(&image.name), quoted(&image.label));
    "path,label\n".to_owned() + &images.iter().map(line).collect::<String>()
}

fn jsonl(images: &[Labelled]) -> String {
    let line =
        |image: &Labelled| format!("{}\n", json!({"path": image.name, "label": image.label}));
    images.iter().map(line).collect()
}

/// The classes with their places in alphabetical order.
fn classes(images: &[Labelled]) -> BTreeMap<&str, usize> {
    let names: BTreeSet<&str> = images.iter().map(|image| image.label.as_str()).collect();
    names.into_iter().zip(0..).collect()
}

fn coco(images: &[Labelled]) -> Value {
    let classes = classes(images);
    let image = |(id, image): (usize, &Labelled)| {
        let mut object = json!({"id": id, "file_name": image.name});
        // Optional here; other programs want them.
        if let Ok((width, height)) = image::image_dimensions(&image.path) {
            (object["width"], object["height"]) = (width.into(), height.into());
        }
        object
    };
    let annotation = |(id, image): (usize, &Labelled)| {
        let category = classes.get(image.label.as_str()).map(|index| index + 1);
        json!({"id": id, "image_id": id, "category_id": category})
    };
    let category = |(name, index): (&&str, &usize)| json!({"id": index + 1, "name": name});
    let numbered = || (1..).zip(images);
    json!({
        "images": numbered().map(image).collect::<Vec<_>>(),
        "annotations": numbered().map(annotation).collect::<Vec<_>>(),
        "categories": classes.iter().map(category).collect::<Vec<_>>(),
    })
}

fn fiftyone(images: &[Labelled], file: &Path) -> Result<Value, DatasetError> {
    let classes = classes(images);
    let mut labels = serde_json::Map::new();
    for image in images {
        let name = Path::new(&image.name).with_extension("");
        let class = classes.get(image.label.as_str()).copied();
        if labels
            .insert(name.to_string_lossy().into_owned(), json!(class))
            .is_some()
        {
            return Err(DatasetError::OneWithoutEnding {
                file: file.to_owned(),
                path: image.name.clone(),
            });
        }
    }
    let names: Vec<&str> = classes.into_keys().collect();
    Ok(json!({"classes": names, "labels": labels}))
}

fn label_studio(images: &[Labelled]) -> Value {
    let task = |(id, image): (usize, &Labelled)| {
        let place = utf8_percent_encode(&image.name, PLAIN);
        let choice = json!({
            "from_name": "choice", "to_name": "image", "type": "choices",
            "value": {"choices": [image.label]},
        });
        json!({
            "id": id,
            "data": {"image": format!("{LOCAL_FILES}{place}")},
            "annotations": [{"was_cancelled": false, "result": [choice]}],
        })
    };
    (1..).zip(images).map(task).collect()
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
