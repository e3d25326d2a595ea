//! Held-out figures side by side.

use std::fmt;

use hub_client::head::HeldOut;

use crate::output::{Page, percent};

/// A table with a column for each head.
pub(super) fn write_figures(
    page: &mut Page,
    titles: [&str; 2],
    figures: [Option<&HeldOut>; 2],
) -> fmt::Result {
    let row = |name: &str, value: &dyn Fn(&HeldOut) -> String| {
        let cell = |held_out: Option<&HeldOut>| held_out.map_or_else(|| "–".to_owned(), value);
        vec![name.to_owned(), cell(figures[0]), cell(figures[1])]
    };
    let rows = [
        row("images", &|one| one.images.to_string()),
        row("accuracy", &|one| percent(one.accuracy)),
        row("likely on new ones", &range),
        row("balanced", &|one| percent(one.balanced_accuracy)),
        row("log loss", &|one| format!("{:.4}", one.log_loss)),
        row("calibration off by", &|one| {
            percent(one.reliability.calibration_error)
        }),
    ];
    page.table(&["HELD OUT", titles[0], titles[1]], &rows)
}

/// Where the accuracy on new images lies.
pub(super) fn range(held_out: &HeldOut) -> String {
    let interval = held_out.accuracy_interval;
    format!("{} to {}", percent(interval.low), percent(interval.high))
}
