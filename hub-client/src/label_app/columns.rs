//! All images in one binary answer: a few numbers for each, column by column.
//!
//! Little-endian: `u32` [`MAGIC`], `u32` n, `u64` version; then columns of n numbers: label, answer, doubt,
//! probability (`u8` each), margin, unlike, far, x, y (`f32` each), group (`u16`), order (`u32`).

use super::cells::{ClassNumbers, answer_column, doubt_column, label_column, order_column};
use super::session::Session;

/// `1LBL` as it is read.
pub(super) const MAGIC: u32 = 0x4C42_4C31;

/// The group of an image that has none.
const NO_GROUP: u16 = u16::MAX;

/// The columns as they are now.
pub(super) fn columns(session: &Session) -> Vec<u8> {
    // The version first: what changes meanwhile is asked for again.
    let version = session.version();
    let (labels, lesson, looks) = (session.labels(), session.lesson(), session.looks());
    let suggestions = session.suggestions();
    let rows = session.rows();
    let images = rows.len();
    let lesson = lesson.as_deref();
    let numbers = ClassNumbers::new(labels.classes());
    let label = label_column(&labels, &numbers, &rows);

    let mut bytes = Vec::with_capacity(16 + images * 30);
    bytes.extend(MAGIC.to_le_bytes());
    bytes.extend(u32::try_from(images).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(version.to_le_bytes());
    bytes.extend(&label);
    let answers = answer_column(lesson, &numbers, &rows);
    bytes.extend(answers.iter().map(|answer| answer.class));
    bytes.extend(doubt_column(lesson, &rows));
    bytes.extend(answers.iter().map(|answer| byte(answer.probability)));

    let mut floats = |value: &dyn Fn(usize) -> f32| {
        bytes.extend((0..images).flat_map(|image| value(image).to_le_bytes()));
    };
    floats(&|image| answers[image].margin);
    for ranking in [&looks.unlike, &looks.far] {
        floats(&|image| {
            ranking
                .as_ref()
                .map_or(f32::NAN, |ranking| ranking.distances[image])
        });
    }
    for axis in 0..2 {
        floats(&|image| {
            looks
                .places
                .as_ref()
                .map_or(f32::NAN, |places| places[image][axis])
        });
    }

    let group = |image: usize| {
        let group = looks
            .groups
            .as_ref()
            .and_then(|groups| groups.of_image[image]);
        group
            .and_then(|group| u16::try_from(group).ok())
            .unwrap_or(NO_GROUP)
    };
    bytes.extend((0..images).flat_map(|image| group(image).to_le_bytes()));
    let order = order_column(&suggestions, &label, lesson, &rows);
    bytes.extend(order.iter().flat_map(|rank| rank.to_le_bytes()));
    bytes
}

/// A share as one of 256 steps.
fn byte(share: f32) -> u8 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it lies between 0 and 255"
    )]
    let step = (share.clamp(0.0, 1.0) * 255.0).round() as u8;
    step
}
