//! `hub keygen`

use std::fmt;

use hub_client::keys;
use serde::Serialize;

use crate::app::Outcome;
use crate::args::KeygenArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page};

#[derive(Serialize)]
struct NewKeyView {
    name: String,
    key_id: String,
    public_key: String,
    secret_key: String,
}

pub(super) fn keygen(args: &KeygenArgs, context: &Context) -> Result<Outcome, CommandError> {
    let name = |default: &str| args.name.clone().unwrap_or_else(|| default.to_owned());
    if args.model_signing {
        return model_signing(name("model-signing"), context);
    }
    let name = name("default");
    let key = keys::generate(context.folders(), &name)?;
    remark(key.was_cut_off, context);
    context.show(&NewKeyView {
        name,
        key_id: key.public.id().to_string(),
        public_key: key.public_path.display().to_string(),
        secret_key: key.secret_path.display().to_string(),
    })?;
    context.report().note(
        "give the public key to whoever founds the consortium or, when it is there already, has your member's trust key \
         (`hub consortium rotate-keys --add FILE`); the secret key stays here",
    );
    Ok(Outcome::Done)
}

fn model_signing(name: String, context: &Context) -> Result<Outcome, CommandError> {
    let key = keys::generate_model_signing(context.folders(), &name)?;
    remark(key.was_cut_off, context);
    context.show(&NewKeyView {
        name,
        key_id: key.public.hint()?.to_hex(),
        public_key: key.public_path.display().to_string(),
        secret_key: key.secret_path.display().to_string(),
    })?;
    context.report().note(
        "give the public key to whoever verifies model.sig; `hub publish --oms-key` signs with the secret key",
    );
    Ok(Outcome::Done)
}

fn remark(was_cut_off: bool, context: &Context) {
    if was_cut_off {
        context.report().warn(
            "the secret key was there already, without its public half: that was written, and no new key was made",
        );
    }
}

impl Answer for NewKeyView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.field("key", &self.key_id)?;
        page.field("public key", &self.public_key)?;
        page.field("secret key", &self.secret_key)
    }
}
