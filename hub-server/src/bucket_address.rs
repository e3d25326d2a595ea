//! Where a bucket is, as the command line says it: `s3://bucket/prefix?endpoint=https://…&region=…`.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use url::{Host, Url};

/// Seconds without a byte after which a request to the store is given up.
const TIMEOUT_SECONDS: u64 = 20;

/// A bucket, or what is below a prefix of it. It holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketAddress {
    /// The bucket's name.
    pub bucket: String,
    /// What all names in it begin with, without slashes at the ends; may be empty.
    pub prefix: String,
    /// The store's address; that of Amazon when there is none.
    pub endpoint: Option<String>,
    /// The store's region.
    pub region: Option<String>,
    /// A file with the keys; the usual environment variables when there is none.
    pub credentials: Option<PathBuf>,
    /// A certificate (PEM) that is believed beside the system's.
    pub certificate: Option<PathBuf>,
    /// A request on which nothing arrives for this long is given up.
    pub timeout: Duration,
}

impl FromStr for BucketAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let url = Url::parse(text).map_err(|_| AddressError::Form)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::Secret);
        }
        let bucket = url.host_str().unwrap_or_default();
        if url.scheme() != "s3" || bucket.is_empty() || url.port().is_some() {
            return Err(AddressError::Form);
        }
        let prefix = url.path().trim_matches('/');
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        if !prefix.bytes().all(is_plain) || prefix.split('/').any(|part| part.starts_with('.')) {
            return Err(AddressError::Prefix);
        }
        let mut address = Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            endpoint: None,
            region: None,
            credentials: None,
            certificate: None,
            timeout: Duration::from_secs(TIMEOUT_SECONDS),
        };
        for (key, value) in url.query_pairs() {
            match key.as_ref() {
                "endpoint" => address.endpoint = Some(endpoint(&value)?),
                "region" => address.region = Some(value.into_owned()),
                "credentials" => address.credentials = Some(PathBuf::from(value.as_ref())),
                "certificate" => address.certificate = Some(PathBuf::from(value.as_ref())),
                "timeout" => address.timeout = timeout(&value)?,
                _ => return Err(AddressError::Key(key.chars().take(40).collect())),
            }
        }
        Ok(address)
    }
}

/// Without what belongs to this machine.
impl fmt::Display for BucketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if !self.prefix.is_empty() {
            write!(f, "/{}", self.prefix)?;
        }
        Ok(())
    }
}

impl BucketAddress {
    /// Whether the store is spoken to in the clear, which is only allowed on this machine.
    pub(crate) fn is_plain_http(&self) -> bool {
        self.endpoint
            .as_deref()
            .is_some_and(|endpoint| endpoint.starts_with("http:"))
    }
}

fn endpoint(text: &str) -> Result<String, AddressError> {
    let url = Url::parse(text).map_err(|_| AddressError::Endpoint)?;
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    };
    let is_allowed = url.scheme() == "https" || (url.scheme() == "http" && is_here);
    let is_bare = url.path() == "/" && url.query().is_none() && url.username().is_empty();
    if is_allowed && is_bare {
        Ok(url.as_str().trim_end_matches('/').to_owned())
    } else {
        Err(AddressError::Endpoint)
    }
}

fn timeout(text: &str) -> Result<Duration, AddressError> {
    match text.parse() {
        Ok(seconds @ 1..=600) => Ok(Duration::from_secs(seconds)),
        _ => Err(AddressError::Timeout),
    }
}

/// Why an address is none.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// Something else.
    #[error("write `s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION`")]
    Form,
    /// A key in the address.
    #[error(
        "keys do not belong into an address: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a file with `credentials=FILE`"
    )]
    Secret,
    /// A prefix that stores would read in different ways.
    #[error(
        "the prefix has letters, digits, `-`, `_`, `.` and `/` only, and no part begins with `.`"
    )]
    Prefix,
    /// An endpoint that is none.
    #[error(
        "`endpoint` is `https://HOST` or `https://HOST:PORT`; plain `http://` is for this machine alone"
    )]
    Endpoint,
    /// No number of seconds.
    #[error("`timeout` is a number of seconds from 1 to 600")]
    Timeout,
    /// Something nobody knows.
    #[error("nobody knows `{0}`: there are endpoint, region, credentials, certificate, timeout")]
    Key(String),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_address_says_where_and_nothing_secret() {
        let text = "s3://blobs/hub/one/?endpoint=https://s3.example.org:9000&region=eu-1&credentials=/etc/hub/keys&timeout=5";
        let address: BucketAddress = text.parse().unwrap();
        assert_eq!(address.bucket, "blobs");
        assert_eq!(address.prefix, "hub/one");
        let endpoint = address.endpoint.as_deref();
        assert_eq!(endpoint, Some("https://s3.example.org:9000"));
        assert_eq!(address.region.as_deref(), Some("eu-1"));
        assert_eq!(address.timeout, Duration::from_secs(5));
        assert_eq!(address.to_string(), "s3://blobs/hub/one");
        assert!(!address.is_plain_http());
        let local: BucketAddress = "s3://b?endpoint=http://127.0.0.1:1".parse().unwrap();
        assert!(local.is_plain_http());
        assert_eq!(local.to_string(), "s3://b");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "",
            "blobs",
            "/srv/blobs",
            "s3://",
            "https://blobs/x",
            "s3://key:secret@blobs",
            "s3://b/a%2fb",
            "s3://b/.hidden",
            "s3://b?endpoint=http://s3.example.org",
            "s3://b?endpoint=https://s3.example.org/path",
            "s3://b?endpoint=nowhere",
            "s3://b?timeout=0",
            "s3://b?secret=x",
        ] {
            assert!(bad.parse::<BucketAddress>().is_err(), "{bad}");
        }
    }
}
