//! What a head says of features, as `hub predict` does: one picture after another, so that the bits are the
//! same whatever else came with them.

use std::sync::Arc;

use ndarray::ArrayView2;

use super::catalogue::Served;
use super::protocol::{Tensor, Values};
use crate::head::{Head, HeadError};

/// The outputs of every head; `plausible` and `distance` only where the head has them.
const LABEL: &str = "label";
const STATE: &str = "state";
const PROBABILITIES: &str = "probabilities";
const PLAUSIBLE: &str = "plausible";
const DISTANCE: &str = "distance";
const CLASSES: &str = "classes";

/// Whether an answer is to be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// One class alone is plausible.
    Answered,
    /// Several classes are plausible, or none is.
    Unsure,
    /// The picture is unlike anything shown in training, whatever the probabilities say.
    Unlike,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Unsure => "unsure",
            Self::Unlike => "unlike",
        }
    }
}

/// What a head says of one picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Said {
    /// The most probable class.
    pub(super) class: usize,
    pub(super) state: State,
    pub(super) probabilities: Vec<f32>,
    /// For each class whether it cannot be ruled out.
    pub(super) plausible: Vec<bool>,
    /// Mean cosine distance from the nearest labelled pictures.
    pub(super) distance: Option<f64>,
}

/// What a head says of each row of features.
///
/// # Errors
/// As [`Head::predict`].
pub(super) fn answers(served: &Served, rows: &[Arc<[f32]>]) -> Result<Vec<Said>, HeadError> {
    rows.iter()
        .map(|row| {
            let row = ArrayView2::from_shape((1, row.len()), row)
                .expect("one row has as many columns as values");
            let predictions = served.head.predict(row, &served.space)?;
            let mut plausible = vec![false; served.head.classes().len()];
            for class in predictions.plausible(0) {
                plausible[class] = true;
            }
            let state = match predictions.answer(0) {
                _ if predictions.is_unlike(0) => State::Unlike,
                Some(_) => State::Answered,
                None => State::Unsure,
            };
            Ok(Said {
                class: predictions.best(0).index,
                state,
                probabilities: predictions.probabilities.iter().copied().collect(),
                plausible,
                distance: predictions.distances[0],
            })
        })
        .collect()
}

/// The outputs of a head: names, datatypes, and shapes with -1 for the number of pictures.
pub(super) fn outputs(head: &Head) -> Vec<(&'static str, &'static str, Vec<i64>)> {
    let tensors = tensors(head, &[]);
    let describe = |tensor: Tensor| {
        let shape = tensor.shape.iter().enumerate();
        let shape = shape.map(|(axis, &length)| match (tensor.name, axis) {
            (CLASSES, _) | (_, 1) => i64::try_from(length).unwrap_or(i64::MAX),
            _ => -1,
        });
        (tensor.name, tensor.values.datatype(), shape.collect())
    };
    tensors.into_iter().map(describe).collect()
}

/// What was said, as tensors.
pub(super) fn tensors(head: &Head, said: &[Said]) -> Vec<Tensor> {
    let count = said.len();
    let classes = head.classes();
    let tensor = |name, shape: &[usize], values| Tensor {
        name,
        shape: shape.to_vec(),
        values,
    };
    let texts = |text: &dyn Fn(&Said) -> String| Values::Texts(said.iter().map(text).collect());
    let probabilities = said.iter().flat_map(|one| &one.probabilities).copied();
    let mut tensors = vec![
        tensor(LABEL, &[count], texts(&|one| classes[one.class].clone())),
        tensor(STATE, &[count], texts(&|one| one.state.as_str().to_owned())),
        tensor(
            PROBABILITIES,
            &[count, classes.len()],
            Values::Floats(probabilities.collect()),
        ),
    ];
    let abstention = head.abstention();
    if abstention.limits.plausible_from.is_some() {
        let plausible = said.iter().flat_map(|one| &one.plausible).copied();
        let values = Values::Booleans(plausible.collect());
        tensors.push(tensor(PLAUSIBLE, &[count, classes.len()], values));
    }
    if abstention.references().nrows() > 0 {
        let distances = said.iter().map(|one| one.distance.unwrap_or_default());
        let values = Values::Doubles(distances.collect());
        tensors.push(tensor(DISTANCE, &[count], values));
    }
    let values = Values::Texts(classes.to_vec());
    tensors.push(tensor(CLASSES, &[classes.len()], values));
    tensors
}
