//! How far the pictures that come are from those the head was trained on.
//!
//! A head keeps the directions of its labelled images. The mean distance of each from its nearest others is
//! what is usual; the running mean over what comes, divided by it, is the drift: about 1 when what comes is
//! like what was labelled.

use crate::head::Head;

/// Pictures over which the running mean goes, about.
const WINDOW: f64 = 200.0;

/// Pictures before which nothing is said.
const ENOUGH: f64 = 20.0;

/// A running comparison.
pub(super) struct Drift {
    usual: Option<f64>,
    mean: f64,
    count: f64,
}

impl Drift {
    pub(super) fn of(head: &Head) -> Self {
        Self {
            usual: head.usual_distance().filter(|&usual| usual > 0.0),
            mean: 0.0,
            count: 0.0,
        }
    }

    /// Takes the distance of one more picture in.
    pub(super) fn add(&mut self, distance: f64) {
        self.count = (self.count + 1.0).min(WINDOW);
        self.mean += (distance - self.mean) / self.count;
    }

    /// The running mean as a multiple of what is usual; none before there are enough pictures, and for heads
    /// that keep nothing to compare with.
    pub(super) fn ratio(&self) -> Option<f64> {
        let usual = self.usual.filter(|_| self.count >= ENOUGH)?;
        Some(self.mean / usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_follows_what_comes() {
        let mut drift = Drift {
            usual: Some(0.5),
            mean: 0.0,
            count: 0.0,
        };
        for _ in 0..19 {
            drift.add(0.5);
        }
        assert_eq!(drift.ratio(), None);
        drift.add(0.5);
        assert_eq!(drift.ratio(), Some(1.0));
        for _ in 0..2_000 {
            drift.add(1.0);
        }
        let ratio = drift.ratio().unwrap_or_default();
        assert!((ratio - 2.0).abs() < 1e-3, "{ratio}");
        drift.usual = None;
        assert_eq!(drift.ratio(), None);
    }
}
