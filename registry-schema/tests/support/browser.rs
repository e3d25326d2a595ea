//! The browser that pages are tested in.

use std::path::PathBuf;

use crate::missing;

/// Where the driver of the browser is; without it, which is said, there is nothing to test with.
pub(crate) fn browser_tools() -> Option<PathBuf> {
    let folder = std::env::var_os("HUB_LABEL_PAGE")
        .map(PathBuf::from)
        .filter(|folder| folder.join("node_modules").is_dir());
    if folder.is_none() {
        missing::tool("HUB_LABEL_PAGE names no tools for a browser; `make test` sets it");
    }
    folder
}
