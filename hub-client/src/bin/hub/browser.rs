//! Opening an address in the user's browser.

use std::process::{Command, Stdio};

/// Hands an address to the desktop; false when there is none, or it takes nothing.
pub(crate) fn open(url: &str) -> bool {
    let Some(opener) = opener() else {
        return false;
    };
    let started = Command::new(opener)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match started {
        Ok(mut child) => {
            // Nobody waits for it, but its end is taken note of.
            std::thread::spawn(move || child.wait());
            true
        }
        Err(_) => false,
    }
}

/// What opens addresses on this system, where there is a screen to show them on.
fn opener() -> Option<&'static str> {
    if cfg!(target_os = "macos") {
        return Some("open");
    }
    if cfg!(windows) {
        return Some("explorer");
    }
    let has_screen = ["DISPLAY", "WAYLAND_DISPLAY"].map(crate::context::variable);
    has_screen.iter().any(Option::is_some).then_some("xdg-open")
}
