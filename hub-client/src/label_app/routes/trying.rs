//! Images like one, and what would be answered to a picture from elsewhere.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use ndarray::{Array1, Axis};
use serde::{Deserialize, Serialize};

use super::answer::{blocking, expect_type, refuse};
use super::reads::image_of;
use crate::label_app::LabelError;
use crate::label_app::accuracy::missing;
use crate::label_app::cells::{ClassNumbers, NONE, answer_column, label_column};
use crate::label_app::loading::of_picture;
use crate::label_app::neighbours::{Similar, most_similar};
use crate::label_app::server::Desk;
use crate::label_app::session::Session;
use crate::label_app::teaching::Lesson;

/// Images that are shown when nobody says how many.
const COUNT: usize = 24;

/// Most that are shown.
const MOST: usize = 1_000;

/// Labelled images that are shown as reasons.
const REASONS: usize = 6;

/// Media types of pictures that are sent.
const PICTURES: &[&str] = &["image/*", "application/octet-stream"];

#[derive(Deserialize)]
pub(super) struct CountAsked {
    count: Option<usize>,
}

impl CountAsked {
    fn count(&self) -> usize {
        self.count.unwrap_or(COUNT).clamp(1, MOST)
    }
}

#[derive(Serialize)]
struct NeighboursView {
    nearest: Vec<Similar>,
    /// Of another class than its own label or answer.
    nearest_other: Vec<Similar>,
}

#[derive(Serialize)]
struct PictureNeighboursView {
    #[serde(flatten)]
    neighbours: NeighboursView,
    answer: Option<u8>,
    probability: Option<f32>,
}

/// What would be answered to a picture.
#[derive(Serialize)]
struct TryView {
    answer: u8,
    probability: f32,
    /// Of each class, in the page's order; 0 for those without a label.
    probabilities: Vec<f32>,
    /// Whether several classes are plausible, or none.
    unsure: bool,
    plausible: Vec<u8>,
    unlike: bool,
    /// The labelled images most like it.
    nearest: Vec<Similar>,
}

/// `GET /api/neighbours/{image}`
pub(super) async fn neighbours(
    desk: web::Data<Desk>,
    path: web::Path<usize>,
    asked: web::Query<CountAsked>,
) -> HttpResponse {
    let image = match image_of(&desk, *path) {
        Ok(image) => image,
        Err(refusal) => return refusal,
    };
    let count = asked.count();
    blocking(desk, move |session| {
        let query = {
            let rows = session.rows();
            if !rows.is_ready(image) {
                let name = session.setup.images.images[image].name.clone();
                return Err(LabelError::NotYet { name });
            }
            rows.row(image).to_owned()
        };
        let classes = classes(session);
        around(
            session,
            &query,
            count,
            Some(image),
            classes[image],
            &classes,
        )
    })
    .await
}

/// `POST /api/neighbours`
pub(super) async fn neighbours_of_picture(
    desk: web::Data<Desk>,
    asked: web::Query<CountAsked>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    if let Err(error) = expect_type(&request, PICTURES) {
        return refuse(&error);
    }
    let count = asked.count();
    blocking(desk, move |session| {
        let (_, features) = of_picture(session, &body)?;
        let query = Array1::from(features);
        let answer = match session.lesson() {
            Some(lesson) => Some(answered(session, &lesson, &query)?),
            None => None,
        };
        let own = answer.as_ref().map_or(NONE, |answer| answer.answer);
        let neighbours = around(session, &query, count, None, own, &classes(session))?;
        Ok(PictureNeighboursView {
            neighbours,
            answer: answer.as_ref().map(|answer| answer.answer),
            probability: answer.map(|answer| answer.probability),
        })
    })
    .await
}

/// `POST /api/try`
pub(super) async fn try_picture(
    desk: web::Data<Desk>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    if let Err(error) = expect_type(&request, PICTURES) {
        return refuse(&error);
    }
    blocking(desk, move |session| {
        let lesson = session.lesson().ok_or_else(|| missing(session))?;
        let (_, features) = of_picture(session, &body)?;
        answered(session, &lesson, &Array1::from(features))
    })
    .await
}

/// The class of each image: its label, else its answer, else none.
fn classes(session: &Arc<Session>) -> Vec<u8> {
    let (labels, lesson) = (session.labels(), session.lesson());
    let rows = session.rows();
    let numbers = ClassNumbers::new(labels.classes());
    let column = label_column(&labels, &numbers, &rows);
    let answers = answer_column(lesson.as_deref(), &numbers, &rows);
    let is_class = |code: u8| usize::from(code) < labels.classes().len();
    let pairs = column.into_iter().zip(answers);
    pairs
        .map(|(label, answer)| if is_class(label) { label } else { answer.class })
        .collect()
}

fn around(
    session: &Session,
    query: &Array1<f32>,
    count: usize,
    itself: Option<usize>,
    own: u8,
    classes: &[u8],
) -> Result<NeighboursView, LabelError> {
    let nearest = most_similar(session, query.view(), count, |row| Some(row) != itself)?;
    let is_other = |row: usize| Some(row) != itself && classes[row] != own && classes[row] != NONE;
    let nearest_other = match own {
        NONE => Vec::new(),
        _ => most_similar(session, query.view(), count, is_other)?,
    };
    Ok(NeighboursView {
        nearest,
        nearest_other,
    })
}

fn answered(
    session: &Session,
    lesson: &Lesson,
    features: &Array1<f32>,
) -> Result<TryView, LabelError> {
    let labels = session.labels();
    let numbers = ClassNumbers::new(labels.classes());
    let of_head = numbers.of_head(lesson);
    let head = &lesson.head;
    let predictions = head.predict(features.view().insert_axis(Axis(0)), &head.space())?;
    let (best, plausible) = (predictions.best(0), predictions.plausible(0));
    let mut probabilities = vec![0.0; labels.classes().len()];
    for (&number, &probability) in of_head.iter().zip(predictions.probabilities.row(0)) {
        if let Some(place) = probabilities.get_mut(usize::from(number)) {
            *place = probability;
        }
    }
    let column = label_column(&labels, &numbers, &session.rows());
    let is_labelled = |row: usize| usize::from(column[row]) < labels.classes().len();
    Ok(TryView {
        answer: of_head[best.index],
        probability: best.probability,
        probabilities,
        unsure: plausible.len() != 1,
        plausible: plausible.iter().map(|&class| of_head[class]).collect(),
        unlike: predictions.is_unlike(0),
        nearest: most_similar(session, features.view(), REASONS, is_labelled)?,
    })
}
