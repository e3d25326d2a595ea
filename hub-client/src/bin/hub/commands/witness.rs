//! `hub witness`

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hub_client::witness::{self, Witness, http};
use serde::Serialize;

use crate::app::Outcome;
use crate::args::{WitnessInitArgs, WitnessServeArgs};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page};

#[derive(Serialize)]
struct WitnessView {
    key: String,
    folder: String,
}

pub(super) fn init(args: &WitnessInitArgs, context: &Context) -> Result<Outcome, CommandError> {
    let folder = folder(args.data.clone(), context);
    let key = witness::create(&folder, args.name.clone())?;
    context.show(&WitnessView {
        key: key.to_string(),
        folder: folder.display().to_string(),
    })?;
    context
        .report()
        .note("give the key to the consortium; the folder stays here, and only here");
    Ok(Outcome::Done)
}

impl Answer for WitnessView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.field("witness", &self.key)?;
        page.field("folder", &self.folder)
    }
}

#[derive(Serialize)]
struct ListeningView {
    listening: String,
    witness: String,
}

pub(super) async fn serve(
    args: WitnessServeArgs,
    context: &Context,
) -> Result<Outcome, CommandError> {
    let folder = folder(args.data, context);
    let witness = Arc::new(Witness::open(&folder, args.logs)?);
    for origin in witness.origins() {
        context.report().detail(&format!("cosigning {origin}"));
    }
    let key = witness.key().to_string();
    let mut shown = Ok(());
    let ready = |address| {
        shown = context.show(&ListeningView {
            listening: format!("http://{address}"),
            witness: key,
        });
    };
    let stop = context.interrupt().past(Duration::ZERO);
    http::serve(witness, args.listen, ready, stop).await?;
    shown?;
    Ok(Outcome::Done)
}

impl Answer for ListeningView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.field("witness", &self.witness)?;
        page.field("listening", &self.listening)
    }
}

fn folder(given: Option<PathBuf>, context: &Context) -> PathBuf {
    given.unwrap_or_else(|| context.folders().witness())
}
