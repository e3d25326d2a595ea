//! Progress bars on standard error, when it is a terminal.

use std::time::Duration;

use hub_client::registry::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::context::Context;

/// A bar; drawn only where that makes sense.
#[derive(Clone, Debug)]
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// Counts bytes that move, with their rate.
    pub(crate) fn bytes(context: &Context, what: &str) -> Self {
        let template = "{msg} {wide_bar:.cyan/dim} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";
        Self::new(context, 0, what, template)
    }

    /// Counts images, with their rate.
    pub(crate) fn images(context: &Context, count: usize) -> Self {
        let template = "{msg} {wide_bar:.cyan/dim} {pos}/{len} {per_sec} {eta}";
        Self::new(context, count as u64, "images", template)
    }

    /// Counts entries of a log, with their rate.
    pub(crate) fn entries(context: &Context, what: &str) -> Self {
        let template = "{msg} {wide_bar:.cyan/dim} {pos}/{len} {per_sec} {eta}";
        Self::new(context, 0, what, template)
    }

    /// Turns while something of unknown length is done.
    pub(crate) fn spinner(context: &Context, what: &str) -> Self {
        let bar = Self::new(context, 0, what, "{spinner} {msg} {elapsed}");
        bar.0.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    /// A transfer's progress, shown by this bar, ended by Ctrl-C.
    pub(crate) fn transfer(&self, context: &Context) -> Progress {
        let (moved, total) = (self.0.clone(), self.0.clone());
        let stop = context.interrupt().flag().clone();
        Progress::new(move |bytes| moved.inc(bytes), stop)
            .with_total(move |bytes| total.set_length(bytes))
    }

    /// One more.
    pub(crate) fn advance(&self) {
        self.0.inc(1);
    }

    /// Prints a line above the bar.
    pub(crate) fn aside(&self, say: impl FnOnce()) {
        self.0.suspend(say);
    }

    fn new(context: &Context, length: u64, what: &str, template: &str) -> Self {
        let bar = if context.report().may_draw() {
            ProgressBar::new(length)
        } else {
            ProgressBar::hidden()
        };
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        bar.set_message(what.to_owned());
        Self(bar)
    }
}

impl Drop for Bar {
    /// Clears the bar with its last handle; what was done is said in words.
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
