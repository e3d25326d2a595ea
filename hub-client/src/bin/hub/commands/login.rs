//! `hub login`, `hub logout`

use std::fmt;
use std::io::{self, IsTerminal};
use std::path::absolute;

use hub_client::config::{ClientCertificate, HubConfig, UserConfig};
use hub_client::registry::{self, Registry};
use registry_schema::api::WhoAmI;
use registry_schema::digest::Digest;
use serde::Serialize;

use crate::app::Outcome;
use crate::args::LoginArgs;
use crate::context::{Context, token_of_environment, token_of_file, token_of_reader};
use crate::error::CommandError;
use crate::output::{Answer, Page};

#[derive(Serialize)]
struct LoginView {
    hub: String,
    consortium: String,
    first_root: Digest,
    is_pinned: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<WhoAmI>,
}

#[derive(Serialize)]
struct LogoutView {
    hub: Option<String>,
}

pub(super) async fn login(args: &LoginArgs, context: &Context) -> Result<Outcome, CommandError> {
    if context.is_offline() {
        return Err(CommandError::Offline { command: "login" });
    }
    // 1. who we say we are
    let client_certificate = match (&args.client_cert, &args.client_key) {
        (Some(chain), Some(key)) => Some(ClientCertificate {
            chain: absolute(chain).map_err(CommandError::Input)?,
            key: absolute(key).map_err(CommandError::Input)?,
        }),
        _ => None,
    };
    // Before anybody is asked for a token: it would not be sent there.
    registry::check_address(&args.url)?;
    let token = if args.anonymous {
        None
    } else {
        find_token(args, client_certificate.is_some())?
    };
    let hub = HubConfig {
        url: args.url.clone(),
        token,
        certificate: args.certificate,
        client_certificate,
    };
    // 2. does the hub know us
    let registry = Registry::new(&hub)?;
    let info = registry.info().await?;
    let is_somebody = hub.token.is_some() || hub.client_certificate.is_some();
    let identity = match is_somebody {
        true => Some(registry.whoami().await?),
        false if info.public => None,
        false => {
            return Err(CommandError::NotPublic {
                url: registry.url().to_owned(),
            });
        }
    };
    // 3. remember it
    let hub = HubConfig {
        url: registry.url().to_owned(),
        ..hub
    };
    let config = UserConfig::change(context.folders(), |config| config.hub = Some(hub))?;
    let first_root = info.trust_root.first_root;
    let is_pinned = config.first_root == Some(first_root);
    context.show(&LoginView {
        hub: registry.url().to_owned(),
        consortium: info.consortium,
        first_root,
        is_pinned,
        identity,
    })?;
    if !is_pinned {
        context
            .report()
            .note("next: `hub trust FINGERPRINT`, with the fingerprint the consortium gave you");
    }
    Ok(Outcome::Done)
}

pub(super) fn logout(context: &Context) -> Result<Outcome, CommandError> {
    let mut hub = UserConfig::load(context.folders())?.hub;
    if hub.is_some() {
        UserConfig::change(context.folders(), |config| hub = config.hub.take())?;
    }
    context.show(&LogoutView {
        hub: hub.map(|hub| hub.url),
    })?;
    Ok(Outcome::Done)
}

/// The token from the file, the environment, standard input, or the keyboard, in this order; nobody is asked
/// who shows a certificate.
fn find_token(args: &LoginArgs, is_certified: bool) -> Result<Option<String>, CommandError> {
    if let Some(path) = &args.token_file {
        return token_of_file(path).map(Some);
    }
    let token = token_of_environment()?;
    if token.is_some() || is_certified {
        return Ok(token);
    }
    let token = if io::stdin().is_terminal() {
        let typed = rpassword::prompt_password(format!("token for {}: ", args.url))
            .map_err(CommandError::Input)?;
        token_of_reader(typed.as_bytes())?
    } else {
        token_of_reader(io::stdin().lock())?
    };
    token.map(Some).ok_or(CommandError::NoToken)
}

impl Answer for LoginView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.field("hub", &self.hub)?;
        page.field("consortium", &self.consortium)?;
        match &self.identity {
            Some(identity) => {
                page.field("logged in as", &identity.member)?;
                page.field("scope", format!("{:?}", identity.scope).to_lowercase())?;
                page.field("until", &identity.expires_at)?;
            }
            None => page.field("logged in as", "nobody: this hub is open for reading")?,
        }
        page.field("first root", self.first_root)?;
        page.field("pinned here", if self.is_pinned { "yes" } else { "no" })
    }
}

impl Answer for LogoutView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        match &self.hub {
            Some(hub) => page.line(format!("forgot {hub} and its token")),
            None => page.line("there was no hub to forget"),
        }
    }
}
