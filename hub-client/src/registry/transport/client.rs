//! HTTP clients: whose certificates they believe, and how long they wait.

use std::time::Duration;

use registry_schema::digest::Digest;
use reqwest::{Client, ClientBuilder, Url};

use crate::config::ClientCertificate;
use crate::registry::{RegistryError, tls};

/// A connection that cannot be made in this time is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection on which nothing arrives for this long is given up.
pub(in crate::registry) const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Makes clients for a server whose certificate is this one, or for those that the system trusts. They follow
/// no redirect.
pub(in crate::registry) fn builder(
    base: &Url,
    pinned: Option<Digest>,
    own: Option<&ClientCertificate>,
) -> Result<impl Fn() -> ClientBuilder + use<>, RegistryError> {
    let tls = tls::client_config(pinned, own).map_err(|error| RegistryError::Tls {
        source: error.into(),
    })?;
    let is_https = base.scheme() == "https";
    Ok(move || {
        Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .http1_only()
            .https_only(is_https)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("hub/", env!("CARGO_PKG_VERSION")))
    })
}

pub(in crate::registry) fn build(builder: ClientBuilder) -> Result<Client, RegistryError> {
    builder.build().map_err(|error| RegistryError::Tls {
        source: error.into(),
    })
}
