//! The page's own files, embedded in the program.

include!(concat!(env!("OUT_DIR"), "/label_assets.rs"));

/// A file of the page and its media type, by its path below `assets/`.
pub(super) fn asset(path: &str) -> Option<(&'static [u8], &'static str)> {
    let found = ASSETS.iter().find(|(name, _)| *name == path)?;
    Some((found.1, media_type(path)))
}

/// What the page's modules are, for a header `Link`: they are asked for at once, and not one after another as each
/// names the next.
pub(super) fn preloads() -> String {
    let modules = ASSETS.iter().filter(|(name, _)| name.ends_with(".js"));
    let links = modules.map(|(name, _)| format!("</assets/{name}>; rel=modulepreload"));
    links.collect::<Vec<_>>().join(", ")
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_there_and_needs_nothing_from_elsewhere() {
        assert!(asset("index.html").is_some_and(|(_, kind)| kind.starts_with("text/html")));
        assert!(asset("../mod.rs").is_none());
        assert!(preloads().contains("</assets/main.js>; rel=modulepreload, "));
        for (name, bytes) in ASSETS {
            let text = String::from_utf8_lossy(bytes).replace("http://www.w3.org/", "");
            assert!(
                !text.contains("http://") && !text.contains("https://"),
                "{name}"
            );
        }
    }
}
