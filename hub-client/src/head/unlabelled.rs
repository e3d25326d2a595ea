//! Which unlabelled images features are centred on, too.

/// So many at most.
pub const UNLABELLED_IMAGES: usize = 500;

/// Which of so many unlabelled images: evenly spaced ones.
pub fn unlabelled_sample(count: usize) -> impl Iterator<Item = usize> {
    (0..count).step_by(count.div_ceil(UNLABELLED_IMAGES).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_thinned_out_evenly() {
        assert_eq!(unlabelled_sample(0).count(), 0);
        assert_eq!(unlabelled_sample(500).count(), 500);
        assert_eq!(unlabelled_sample(1_001).collect::<Vec<_>>()[..3], [0, 3, 6]);
    }
}
