//! `hub completions`, and the reference that docs/CLI.md holds.

use clap::CommandFactory;

use crate::app::Outcome;
use crate::args::{Cli, CompletionsArgs};
use crate::context::Context;
use crate::error::CommandError;
use crate::reference;

pub(super) fn completions(
    args: &CompletionsArgs,
    context: &Context,
) -> Result<Outcome, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "hub", &mut script);
    context.output().raw(&script)?;
    Ok(Outcome::Done)
}

pub(super) fn reference(context: &Context) -> Result<Outcome, CommandError> {
    context.output().raw(reference::markdown().as_bytes())?;
    Ok(Outcome::Done)
}
