//! Looking at images: what is alike, what is odd, what is there twice, and what to label next.

mod clusters;
mod duplicates;
mod gathered;
mod map;
mod next;
mod outliers;
mod similar;

pub(super) use clusters::clusters;
pub(super) use duplicates::duplicates;
pub(super) use gathered::{prepared, transform_kind};
pub(super) use map::map;
pub(super) use next::next;
pub(super) use outliers::outliers;
pub(super) use similar::similar;
