//! What the page changes.

use std::num::NonZeroUsize;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::answer::{blocking, changing, expect_type, json, refuse};
use crate::dataset::{DatasetError, Deed};
use crate::files;
use crate::head::TrainingSettings;
use crate::label_app::LabelError;
use crate::label_app::book::Book;
use crate::label_app::compare::{self, Comparison};
use crate::label_app::deeds::{ClassesAsked, LabelsAsked, imported};
use crate::label_app::server::Desk;
use crate::label_app::session::Session;
use crate::label_app::view::{StateView, state};

/// What must be said to delete all labels.
const REALLY: &str = "delete all labels";

/// `POST /api/labels`
pub(super) async fn labels(
    desk: web::Data<Desk>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    match json::<LabelsAsked>(&request, &body) {
        Ok(asked) => {
            changing(desk, |session| {
                let labels = asked.read(session)?;
                session.record(|state| labels.deed(state))
            })
            .await
        }
        Err(error) => refuse(&error),
    }
}

/// `POST /api/classes`
pub(super) async fn classes(
    desk: web::Data<Desk>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    match json::<ClassesAsked>(&request, &body) {
        Ok(asked) => changing(desk, |session| session.record(|state| asked.deed(state))).await,
        Err(error) => refuse(&error),
    }
}

/// A body without content.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// `POST /api/undo`
pub(super) async fn undo(
    desk: web::Data<Desk>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    match json::<Nothing>(&request, &body) {
        Ok(Nothing {}) => stepping(desk, Book::undo).await,
        Err(error) => refuse(&error),
    }
}

/// `POST /api/redo`
pub(super) async fn redo(
    desk: web::Data<Desk>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    match json::<Nothing>(&request, &body) {
        Ok(Nothing {}) => stepping(desk, Book::redo).await,
        Err(error) => refuse(&error),
    }
}

/// What a step back or forth has led to, and which images it was about.
#[derive(Serialize)]
struct SteppedView {
    #[serde(flatten)]
    state: StateView,
    images: Vec<usize>,
}

async fn stepping(
    desk: web::Data<Desk>,
    step: fn(&mut Book) -> Result<Option<Deed>, DatasetError>,
) -> HttpResponse {
    blocking(desk, move |session| {
        let deed = session.write(|book| Ok(step(book)?))?;
        let set = deed.and_then(|deed| deed.set).unwrap_or_default();
        let rows = session.rows();
        let images = set
            .iter()
            .filter_map(|entry| rows.images_of(&entry.image).first().copied())
            .collect();
        drop(rows);
        Ok(SteppedView {
            state: state(session),
            images,
        })
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupsAsked {
    count: NonZeroUsize,
}

/// `POST /api/groups`
pub(super) async fn groups(
    desk: web::Data<Desk>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    match json::<GroupsAsked>(&request, &body) {
        Ok(asked) => {
            changing(desk, move |session| {
                // More groups than images, or than a column can number, are none the wiser.
                let most = session.total().clamp(1, usize::from(u16::MAX) - 1);
                let count = NonZeroUsize::new(asked.count.get().min(most));
                session.wish(|wishes| wishes.groups = count);
                session.grouping.ask();
                Ok(())
            })
            .await
        }
        Err(error) => refuse(&error),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CoverageAsked {
    coverage: f64,
}

/// `POST /api/coverage`
pub(super) async fn coverage(
    desk: web::Data<Desk>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    match json::<CoverageAsked>(&request, &body) {
        Ok(CoverageAsked { coverage }) => {
            changing(desk, move |session| {
                let settings = TrainingSettings {
                    coverage,
                    ..TrainingSettings::default()
                };
                let coverage = settings.check()?.settings().coverage;
                session.wish(|wishes| wishes.coverage = coverage);
                session.learn();
                Ok(())
            })
            .await
        }
        Err(error) => refuse(&error),
    }
}

#[derive(Serialize)]
struct ImportView {
    #[serde(flatten)]
    state: StateView,
    /// Images that got a label.
    taken: usize,
    /// What the file names and is not here.
    unknown: Vec<String>,
}

/// `POST /api/labels/import`
pub(super) async fn import(
    desk: web::Data<Desk>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    if let Err(error) = expect_type(&request, &["text/*", "application/*"]) {
        return refuse(&error);
    }
    blocking(desk, move |session| take_labels(session, &body)).await
}

fn take_labels(session: &Session, body: &[u8]) -> Result<ImportView, LabelError> {
    let folder = files::scratch_dir()?;
    let path = folder.path().join("labels");
    files::write_atomic(&path, body)?;
    let (labels, unknown) = imported(session, &path)?;
    let taken = labels.images();
    if taken > 0 {
        session.record(|state| labels.deed(state))?;
    }
    Ok(ImportView {
        state: state(session),
        taken,
        unknown,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForgetAsked {
    really: String,
}

/// `POST /api/forget`
pub(super) async fn forget(
    desk: web::Data<Desk>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    match json::<ForgetAsked>(&request, &body) {
        Ok(asked) if asked.really == REALLY => {
            changing(desk, |session| session.write(|book| Ok(book.forget()?))).await
        }
        Ok(_) => refuse(&LabelError::NotMeant),
        Err(error) => refuse(&error),
    }
}

/// `POST /api/compare`
pub(super) async fn compare(
    desk: web::Data<Desk>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    match json::<Nothing>(&request, &body) {
        Ok(Nothing {}) => {
            blocking(desk, |session| {
                compare::start(session);
                let comparison: Comparison = session.comparison().clone();
                Ok(comparison)
            })
            .await
        }
        Err(error) => refuse(&error),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExtractorAsked {
    extractor: String,
}

/// `POST /api/extractor`
pub(super) async fn extractor(
    desk: web::Data<Desk>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    match json::<ExtractorAsked>(&request, &body) {
        Ok(asked) => {
            let stage = desk.stage.clone();
            blocking(desk, move |_| {
                stage.take(&asked.extractor)?;
                Ok(state(&stage.session()))
            })
            .await
        }
        Err(error) => refuse(&error),
    }
}
