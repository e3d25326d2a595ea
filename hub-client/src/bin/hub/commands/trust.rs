//! `hub trust`: from which root this user follows the consortium.

use hub_client::files;
use hub_client::trust::{self, FolderSource, HubSource, TrustSource};
use registry_schema::digest::Digest;
use registry_schema::limits;

use super::consortium_view::RootView;
use crate::app::Outcome;
use crate::args::TrustArgs;
use crate::context::Context;
use crate::error::CommandError;

pub(super) async fn trust(args: &TrustArgs, context: &Context) -> Result<Outcome, CommandError> {
    let source: Box<dyn TrustSource> = match &args.metadata {
        Some(folder) => Box::new(FolderSource(folder.clone())),
        None => Box::new(HubSource(context.registry("trust")?)),
    };
    // 1. what was pinned before is followed on
    let wishes_nothing = args.fingerprint.is_none() && args.file.is_none() && !args.yes;
    if wishes_nothing && context.config().first_root.is_some() {
        let kept = trust::refresh(context.folders(), &*source, context.as_of()).await?;
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
