//! `hub keygen`

use std::fmt;

use hub_client::keys;
use registry_schema::keys::KeyId;
use serde::Serialize;

use crate::app::Outcome;
use crate::args::KeygenArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page};

#[derive(Serialize)]
struct NewKeyView {
    name: String,
    key_id: KeyId,
    public_key: String,
    secret_key: String,
}

pub(super) fn keygen(args: &KeygenArgs, context: &Context) -> Result<Outcome, CommandError> {
    let key = keys::generate(context.folders(), &args.name)?;
    context.show(&NewKeyView {
        name: args.name.clone(),
        key_id: key.public.id(),
        public_key: key.public_path.display().to_string(),
        secret_key: key.secret_path.display().to_string(),
    })?;
    context
        .report()
        .note("give the public key to whoever founds the consortium; the secret key stays here");
    Ok(Outcome::Done)
}

impl Answer for NewKeyView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.field("key", self.key_id)?;
        page.field("public key", &self.public_key)?;
        page.field("secret key", &self.secret_key)
    }
}
