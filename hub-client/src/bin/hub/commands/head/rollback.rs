//! `hub head rollback`

use std::fmt;

use serde::Serialize;

use crate::app::Outcome;
use crate::args::RollbackArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page};

#[derive(Serialize)]
struct RollbackView {
    head: String,
    /// The version that was in use.
    from: u32,
    /// The version that is in use again.
    to: u32,
    /// As what it was saved; null when it was in use already.
    saved_as: Option<u32>,
    extractor: String,
}

pub(in crate::commands) fn rollback(
    args: &RollbackArgs,
    context: &Context,
) -> Result<Outcome, CommandError> {
    context.check_interrupt()?;
    let now = jiff::Timestamp::now();
    let done = context.heads().roll_back(&args.head, args.to, now)?;
    context.show(&RollbackView {
        head: args.head.to_string(),
        from: done.from,
        to: done.to,
        saved_as: done.saved_as,
        extractor: done.head.extractor().to_string(),
    })?;
    Ok(Outcome::Done)
}

impl Answer for RollbackView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let Self { head, from, to, .. } = self;
        match self.saved_as {
            Some(version) => page.line(format!(
                "{head}, version {version}: version {to} again, for {}; version {from} is kept",
                self.extractor
            )),
            None => page.line(format!("{head}: version {to} is in use already")),
        }
    }
}
