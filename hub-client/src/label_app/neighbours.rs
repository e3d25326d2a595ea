//! Images like one, among those of the session.

use ndarray::ArrayView1;
use registry_schema::manifest::Distance;
use serde::Serialize;

use super::LabelError;
use super::session::Session;
use crate::explore::{Neighbour, Neighbours};

/// An image that is like another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Similar {
    pub(super) image: usize,
    /// 1 for the same; for cosine distances the cosine.
    similarity: f32,
}

/// The images most like a vector, among those that `may` be.
pub(super) fn most_similar(
    session: &Session,
    query: ArrayView1<'_, f32>,
    count: usize,
    may: impl Fn(usize) -> bool + Sync,
) -> Result<Vec<Similar>, LabelError> {
    let distance = session.setup.extractor.distance();
    let rows = session.rows();
    let index = Neighbours::new(rows.values(), distance, session.setup.threads)?;
    let query = query.insert_axis(ndarray::Axis(0));
    let found = index.nearest(query, count, |_, row| rows.is_ready(row) && may(row))?;
    let similar = |one: &Neighbour| Similar {
        image: one.row,
        similarity: match distance {
            Distance::Cosine => 1.0 - one.distance,
            Distance::Euclidean => 1.0 / (1.0 + one.distance),
            Distance::Dot => -one.distance,
        },
    };
    Ok(found
        .first()
        .map(|found| found.iter().map(similar).collect())
        .unwrap_or_default())
}
