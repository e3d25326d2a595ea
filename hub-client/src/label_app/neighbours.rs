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
    let query = query.insert_axis(ndarray::Axis(0));
    let ready: Vec<bool> = {
        let rows = session.rows();
        (0..rows.len()).map(|row| rows.is_ready(row)).collect()
    };
    let mut found: Vec<Neighbour> = Vec::new();
    session.all_rows().in_parts(|start, part| {
        let index = Neighbours::new(part, distance, session.setup.threads)?;
        let may = |_, row| ready[start + row] && may(start + row);
        let nearest = index.nearest(query, count, may)?.into_iter().flatten();
        found.extend(nearest.map(|one| Neighbour {
            row: start + one.row,
            ..one
        }));
        Ok::<(), LabelError>(())
    })?;
    found.sort_by(|one, other| {
        let by_distance = one.distance.total_cmp(&other.distance);
        by_distance.then(one.row.cmp(&other.row))
    });
    found.truncate(count);
    let similar = |one: &Neighbour| Similar {
        image: one.row,
        similarity: match distance {
            Distance::Cosine => 1.0 - one.distance,
            Distance::Euclidean => 1.0 / (1.0 + one.distance),
            Distance::Dot => -one.distance,
        },
    };
    Ok(found.iter().map(similar).collect())
}
