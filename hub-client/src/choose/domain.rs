//! Whether an extractor was made for images like those one has.

use crate::explore::domain::EXPECTED_SHARE;
use crate::head::metrics::wilson;

/// Whether more of `images` are unlike those an extractor was made for than its publisher's own would be, by more
/// than chance explains 9 times in 10. A single one is nothing strange.
///
/// ```
/// use hub_client::choose::is_strange;
/// assert!(is_strange(200, 31));
/// assert!(!is_strange(200, 2) && !is_strange(20, 1));
/// ```
pub fn is_strange(images: usize, unlike: usize) -> bool {
    let share = unlike as f64 / images.max(1) as f64;
    unlike > 1 && wilson(share, images).low > EXPECTED_SHARE
}
