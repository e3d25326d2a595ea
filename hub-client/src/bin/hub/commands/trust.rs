//! `hub trust`: from which root this user follows the consortium.

use std::fmt;

use hub_client::files;
use hub_client::log_view;
use hub_client::trust::{self, FolderSource, HubSource, TrustSource};
use jiff::Timestamp;
use registry_schema::digest::Digest;
use registry_schema::limits;
use registry_schema::trust_root::TrustRoot;
use serde::Serialize;

use super::consortium_view::RootView;
use crate::app::Outcome;
use crate::args::TrustArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page};

pub(super) async fn trust(args: &TrustArgs, context: &Context) -> Result<Outcome, CommandError> {
    if args.forget_log {
        return forget_log(context).await;
    }
    let source: Box<dyn TrustSource> = match &args.metadata {
        Some(folder) => Box::new(FolderSource(folder.clone())),
        None => Box::new(HubSource(context.registry("trust")?)),
    };
    // 1. what was pinned before is followed on
    let wishes_nothing = args.fingerprint.is_none() && args.file.is_none() && !args.yes;
    if wishes_nothing && context.config().first_root.is_some() {
        let kept = match &args.metadata {
            Some(_) => trust::refresh(context.folders(), &*source, context.as_of()).await?,
            None => context.fresh_trust(&context.registry("trust")?).await?,
        };
        context.show(&RootView::new(&kept, context))?;
        return Ok(Outcome::Done);
    }
    // 2. the first root that is offered
    let root = match &args.file {
        Some(path) => files::read_limited(path, limits::TUF_ROOT_BYTES)?,
        None => source
            .fetch("metadata/1.root.json", limits::TUF_ROOT_BYTES)
            .await?
            .ok_or_else(|| registry_schema::tuf::TufError::Missing {
                file: "1.root.json".to_owned(),
            })
            .map_err(trust::TrustStoreError::from)?,
    };
    let root = String::from_utf8_lossy(&root).into_owned();
    let found = Digest::of(root.as_bytes());
    // 3. is it what the user has been told; a file of the consortium's own is
    let is_known = args.yes || args.file.is_some();
    let Some(expected) = args.fingerprint.or(is_known.then_some(found)) else {
        return Err(CommandError::NotCompared { found });
    };
    let kept = trust::pin(
        context.folders(),
        &root,
        &expected,
        &*source,
        context.as_of(),
    )
    .await?;
    context.show(&RootView::new(&kept, context).pinned())?;
    Ok(Outcome::Done)
}

/// What `hub trust --forget-log` did.
#[derive(Serialize)]
struct ForgottenView {
    logs: Vec<ForgottenLog>,
}

#[derive(Serialize)]
struct ForgottenLog {
    origin: String,
    /// Entries of the checkpoint that was seen last; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<u64>,
    /// Where the evidence is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<String>,
}

async fn forget_log(context: &Context) -> Result<Outcome, CommandError> {
    let kept = context.kept_trust()?;
    let forgotten =
        log_view::forget(context.folders(), kept.root.log_policy(), Timestamp::now()).await?;
    let logs = forgotten.into_iter().map(|one| ForgottenLog {
        origin: one.origin.to_string(),
        entries: one.size,
        evidence: one.evidence.map(|path| path.display().to_string()),
    });
    context.show(&ForgottenView {
        logs: logs.collect(),
    })?;
    context
        .report()
        .note("the next contact believes the log that is shown then");
    Ok(Outcome::Done)
}

impl Answer for ForgottenView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        for log in &self.logs {
            page.line(page.bold(&format!("{} is forgotten", log.origin)))?;
            match log.entries {
                Some(entries) => page.field("last seen", format!("{entries} entries"))?,
                None => page.field("last seen", "never")?,
            }
            page.optional("evidence", log.evidence.as_ref())?;
        }
        Ok(())
    }
}
