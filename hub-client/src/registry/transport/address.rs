//! Which addresses are spoken to.

use reqwest::Url;

use crate::registry::RegistryError;

/// The address of a hub: `https://`, or `http://` on this machine.
pub(super) fn hub(text: &str) -> Result<Url, RegistryError> {
    let error = || RegistryError::Url {
        url: text.to_owned(),
    };
    let url = Url::parse(text).map_err(|_| error())?;
    let allowed = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    // A path would be lost when the API's own paths are joined, and the token sent elsewhere.
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if allowed && is_bare && url.has_host() && url.username().is_empty() {
        Ok(url)
    } else {
        Err(error())
    }
}

/// An absolute address on a hub; one on another host is refused, so that the token stays.
pub(super) fn on_hub(base: &Url, path: &str) -> Result<Url, RegistryError> {
    let url = base.join(path).ok();
    url.filter(|url| url.origin() == base.origin())
        .ok_or_else(|| RegistryError::Url {
            url: path.to_owned(),
        })
}

/// An address in an object store that a hub leads to; one that is less safe than the hub's is refused.
pub(super) fn in_store(base: &Url, location: &str) -> Result<Url, RegistryError> {
    let url = Url::parse(location).ok().filter(|url| {
        let is_safe = url.scheme() == "https" || url.scheme() == base.scheme();
        is_safe && url.has_host() && url.username().is_empty()
    });
    url.ok_or_else(|| RegistryError::Answer {
        what: "a blob".to_owned(),
        reason: "it leads to an address that is not `https://`".to_owned(),
    })
}

/// Whether an address is on this machine.
pub(in crate::registry) fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn tokens_do_not_travel_in_the_clear_or_elsewhere() {
        for good in [
            "https://hub.example.org",
            "https://h:8443/",
            "http://127.0.0.1:80",
            "http://[::1]:8080",
            "http://localhost:1",
        ] {
            assert!(hub(good).is_ok(), "{good}");
        }
        for bad in [
            "http://hub.example.org",
            "ftp://h",
            "hub.example.org",
            "https://u:p@h",
            "https://h/?x=1",
            "https://h/hub",
            "",
        ] {
            assert!(hub(bad).is_err(), "{bad}");
        }
        let base = hub("https://hub.example.org").unwrap();
        for bad in [
            "https://evil.example.org/v2/",
            "//evil.example.org/v2/",
            "http://hub.example.org/v2/",
        ] {
            assert!(on_hub(&base, bad).is_err(), "{bad}");
        }
        let there = on_hub(&base, "/v2/x").unwrap();
        assert_eq!(there.as_str(), "https://hub.example.org/v2/x");
        let store = "https://store.example.org/b?X-Amz-Signature=1";
        assert_eq!(in_store(&base, store).unwrap().as_str(), store);
        for bad in [
            "http://store.example.org/b",
            "http://127.0.0.1/b",
            "https://u:p@store.example.org/b",
            "file:///etc/passwd",
            "/v2/x",
            "",
        ] {
            assert!(in_store(&base, bad).is_err(), "{bad}");
        }
    }
}
