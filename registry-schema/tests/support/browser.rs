//! The browser that pages are tested in.

use std::path::PathBuf;

/// Where the driver of the browser is; without it, which is said, there is nothing to test with.
pub(crate) fn browser_tools() -> Option<PathBuf> {
    let folder = std::env::var_os("HUB_LABEL_PAGE")
        .map(PathBuf::from)
        .filter(|folder| folder.join("node_modules").is_dir());
    if folder.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "HUB_LABEL_PAGE must name the tools for a browser in CI"
        );
        eprintln!("skipped: HUB_LABEL_PAGE names no tools for a browser; `make test` sets it");
    }
    folder
}
