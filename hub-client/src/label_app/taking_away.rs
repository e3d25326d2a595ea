//! Labels, answers and a report as files.

use super::LabelError;
use super::accuracy::{AccuracyView, missing};
use super::cells::ClassNumbers;
use super::session::Session;
use super::suggesting::Suggested;
use super::teaching::Lesson;
use crate::contact_sheet::{ContactSheet, Section, Tile};
use crate::dataset::LabelState;
use crate::files::{self, Destination, Existing, FileError};

/// Images of each kind on a report.
const SHOWN: usize = 24;

/// A file.
pub(super) struct Taken {
    pub(super) bytes: Vec<u8>,
    pub(super) media_type: &'static str,
    /// On what it was compared with the page.
    pub(super) checked: Option<String>,
}

impl Taken {
    fn csv(rows: csv::Writer<Vec<u8>>) -> Result<Self, LabelError> {
        let failed = |error: csv::IntoInnerError<_>| {
            FileError::new("cannot write", "the table", error.into_error())
        };
        Ok(Self {
            bytes: rows.into_inner().map_err(failed)?,
            media_type: "text/csv; charset=utf-8",
            checked: None,
        })
    }
}

/// Path and label of each labelled image.
pub(super) fn labels_csv(session: &Session) -> Result<Taken, LabelError> {
    let labels = session.labels();
    let rows = session.rows();
    let mut table = csv::Writer::from_writer(Vec::new());
    write(&mut table, &["path", "label"])?;
    for image in 0..rows.len() {
        let known = rows
            .digest(image)
            .and_then(|digest| labels.images().get(&digest));
        if let Some(label) = known.and_then(|known| known.label.as_deref()) {
            write(
                &mut table,
                &[&session.setup.images.images[image].name, label],
            )?;
        }
    }
    Taken::csv(table)
}

/// What the head answers to each image, and how sure it is.
pub(super) fn answers_csv(session: &Session) -> Result<Taken, LabelError> {
    let lesson = session.lesson().ok_or_else(|| missing(session))?;
    let labels = session.labels();
    let rows = session.rows();
    let mut table = csv::Writer::from_writer(Vec::new());
    write(
        &mut table,
        &["path", "label", "answer", "probability", "unsure", "unlike"],
    )?;
    for image in rows.ready_images() {
        if !lesson.scores.is_about(image) {
            continue;
        }
        let known = rows
            .digest(image)
            .and_then(|digest| labels.images().get(&digest));
        let label = known
            .and_then(|known| known.label.as_deref())
            .unwrap_or_default();
        let (scores, best) = (&lesson.scores, lesson.scores.best[image]);
        let yes = |is: bool| if is { "yes" } else { "no" };
        write(
            &mut table,
            &[
                &session.setup.images.images[image].name,
                label,
                &lesson.head.classes()[best],
                &scores.probabilities[[image, best]].to_string(),
                yes(scores.unsure[image]),
                yes(scores.unlike[image]),
            ],
        )?;
    }
    Taken::csv(table)
}

fn write(table: &mut csv::Writer<Vec<u8>>, cells: &[&str]) -> Result<(), LabelError> {
    table
        .write_record(cells)
        .map_err(|error| FileError::new("cannot write", "the table", error.into()).into())
}

/// A page for others: how good the head is, where it errs, what it is torn about.
pub(super) fn report(session: &Session) -> Result<Taken, LabelError> {
    let lesson = session.lesson().ok_or_else(|| missing(session))?;
    let labels = session.labels();
    let numbers = ClassNumbers::new(labels.classes());
    let accuracy = AccuracyView::new(&lesson, &labels, &numbers);
    let sheet = {
        let rows = session.rows();
        let classes = lesson.head.classes();
        let tile = |image: usize, words: String| {
            let file = &session.setup.images.images[image];
            Tile {
                name: file.name.clone(),
                path: file.path.clone(),
                lines: vec![words],
            }
        };
        let suspects = lesson
            .head
            .training()
            .suspects
            .iter()
            .take(SHOWN)
            .filter_map(|one| {
                let image = *rows.images_of(&one.image).first()?;
                let (label, likely) = (&classes[one.labelled], &classes[one.likely]);
                Some(tile(
                    image,
                    format!("labelled {label}, looks like {likely}"),
                ))
            });
        let suspects: Vec<Tile> = suspects.collect();
        let torn = session.suggestions();
        let torn = torn.iter().filter(|one| !one.is_random()).take(SHOWN);
        let torn: Vec<Tile> = torn
            .map(|one: &Suggested| tile(one.image, one.words()))
            .collect();
        let of_class = |class: usize| {
            let images = rows.ready_images().into_iter();
            let mut images: Vec<usize> = images
                .filter(|&image| lesson.scores.best[image] == class)
                .collect();
            let sure = |image: usize| lesson.scores.probabilities[[image, class]];
            images.sort_by(|&a, &b| sure(b).total_cmp(&sure(a)).then(a.cmp(&b)));
            let count = images.len();
            images.truncate(SHOWN);
            Section {
                heading: classes[class].clone(),
                remark: format!("{count} images are answered so; the surest"),
                tiles: images
                    .into_iter()
                    .map(|image| tile(image, format!("{:.2}", sure(image))))
                    .collect(),
            }
        };
        let mut sections: Vec<Section> = (0..classes.len()).map(of_class).collect();
        sections.push(section(
            "Look again",
            "Labels that the other labels speak against",
            suspects,
        ));
        sections.push(section("To label next", "What would teach most", torn));
        sections.retain(|section| !section.tiles.is_empty());
        ContactSheet {
            title: session
                .setup
                .head
                .as_ref()
                .map_or_else(|| "Labels and answers".to_owned(), ToString::to_string),
            remarks: remarks(session, &lesson, accuracy.as_ref(), &labels),
            map: Vec::new(),
            sections,
        }
    };
    let folder = files::scratch_dir()?;
    let path = folder.path().join("report.html");
    let destination = Destination::new(&path, Existing::Keep)?;
    sheet.write(&destination, |paths| {
        Ok::<_, LabelError>(session.setup.worker.thumbnails(paths)?)
    })?;
    let bytes =
        std::fs::read(&path).map_err(|source| FileError::new("cannot read", &path, source))?;
    Ok(Taken {
        bytes,
        media_type: "text/html; charset=utf-8",
        checked: None,
    })
}

fn section(heading: &str, remark: &str, tiles: Vec<Tile>) -> Section {
    Section {
        heading: heading.to_owned(),
        remark: remark.to_owned(),
        tiles,
    }
}

fn remarks(
    session: &Session,
    lesson: &Lesson,
    accuracy: Option<&AccuracyView>,
    labels: &LabelState,
) -> Vec<String> {
    let facts = lesson.head.training();
    let mut remarks = vec![format!(
        "{} images through {}, {} of them labelled",
        session.total(),
        lesson.head.extractor(),
        facts.images
    )];
    match accuracy {
        Some(accuracy) => remarks.extend(accuracy.remarks(labels)),
        None => remarks.push("how good it is was not measured: a class has one image".to_owned()),
    }
    remarks
}
