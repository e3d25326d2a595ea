//! Errors in one line.

use std::error::Error;

/// An error and what it comes from, on one line.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::FileError;
    use std::path::Path;

    #[test]
    fn an_error_is_told_with_what_it_comes_from() {
        let cause = std::io::Error::other("the disk is on fire");
        let error = FileError::new("cannot read", Path::new("a.png"), cause);
        assert_eq!(
            with_causes(&error),
            "cannot read `a.png`: the disk is on fire"
        );
    }
}
