//! Where a token is turned into a browser that may read.

use askama::Template;

use super::Site;

/// The page with the form.
#[derive(Debug, Template)]
#[template(path = "login.html")]
pub(crate) struct LoginPage<'a> {
    pub(crate) site: Site,
    /// Why the last try failed.
    pub(crate) problem: Option<&'a str>,
    /// The path of this hub to go on to.
    pub(crate) next: &'a str,
}

/// A path of this hub to go on to; whatever else was asked for becomes the first page.
pub(crate) fn checked_next(asked: &str) -> &str {
    let is_own = asked.starts_with('/')
        && !asked.starts_with("//")
        && asked.len() <= 2000
        && asked
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let leads_back = ["/login", "/logout"]
        .iter()
        .any(|path| asked.starts_with(path));
    if is_own && !leads_back { asked } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_hub() {
        for path in ["/", "/log?entry=3", "/extractors/alpha/squares"] {
            assert_eq!(checked_next(path), path);
        }
        for path in [
            "",
            "https://a.example/",
            "//a.example",
            "/\\a.example",
            "/a b",
            "/a\r\nset-cookie: x",
            "/logout",
        ] {
            assert_eq!(checked_next(path), "/", "{path}");
        }
    }
}
