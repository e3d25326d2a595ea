//! `hub trust`: which policy this user believes.

use hub_client::trust;
use registry_schema::digest::Digest;
use registry_schema::trust_root::{ConsortiumPolicy, TrustRoot};

use super::consortium::{PolicyView, read_policy};
use crate::app::Outcome;
use crate::args::TrustArgs;
use crate::context::Context;
use crate::error::CommandError;

pub(super) async fn trust(args: &TrustArgs, context: &Context) -> Result<Outcome, CommandError> {
    // 1. what is offered
    let policy = match &args.file {
        Some(path) => read_policy(path)?,
        None => ConsortiumPolicy::parse(&context.registry("trust")?.policy().await?)?,
    };
    let found = policy.digest();
    // 2. is it what the user has been told
    let expected: Option<Digest> = args.fingerprint.or(args.yes.then_some(found));
    match expected {
        Some(expected) => {
            trust::pin(context.folders(), policy.text(), &expected)?;
            context.show(&PolicyView::new(&policy, context).pinned())?;
            Ok(Outcome::Done)
        }
        None => {
            context.show(&PolicyView::new(&policy, context))?;
            if context.config().policy == Some(found) {
                Ok(Outcome::Done)
            } else {
                Err(CommandError::NotCompared { found })
            }
        }
    }
}
