//! The page's text: everything that comes from outside is escaped here.

use std::fmt::{self, Arguments, Display};
use std::io::Write as _;
use std::path::Path;

use crate::files::{AtomicFile, Destination, FileError};

/// Text as it may stand in HTML, also in an attribute in double quotes.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // Control and direction characters could hide what a name really is.
                other if other.is_control() || is_direction(other) => f.write_str("\u{fffd}")?,
                other => write!(f, "{other}")?,
            }
        }
        Ok(())
    }
}

fn is_direction(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A page in the making, which appears at its path when it is whole.
pub(crate) struct Page<'a> {
    file: AtomicFile,
    path: &'a Path,
}

impl<'a> Page<'a> {
    /// Starts a page; `style` are further rules of CSS.
    pub(crate) fn start(
        destination: &'a Destination,
        title: &str,
        style: &str,
    ) -> Result<Self, FileError> {
        let mut page = Self {
            file: AtomicFile::create_at(destination)?,
            path: destination.path(),
        };
        let title = Escaped(title);
        page.put(format_args!(
            "{START}{style}</style>\n<title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>\n"
        ))?;
        Ok(page)
    }

    /// Writes text, in which everything from outside is [`Escaped`].
    pub(crate) fn put(&mut self, text: Arguments<'_>) -> Result<(), FileError> {
        self.file
            .write_fmt(text)
            .map_err(|source| FileError::new("cannot write", self.path, source))
    }

    /// A paragraph.
    pub(crate) fn paragraph(&mut self, text: &str) -> Result<(), FileError> {
        self.put(format_args!("<p>{}</p>\n", Escaped(text)))
    }

    /// Ends the page and makes it visible.
    pub(crate) fn commit(mut self) -> Result<(), FileError> {
        self.put(format_args!("</body>\n</html>\n"))?;
        self.file.commit()
    }
}

/// Up to the rules of one page. The policy forbids scripts and every request: the page is complete.
const START: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<style>
:root { color-scheme: light dark; font: 16px/1.45 system-ui, sans-serif }
body { margin: 2rem auto; max-width: 80rem; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin: 2rem 0 .25rem }
p { margin: .25rem 0 .75rem }
ul { display: flex; flex-wrap: wrap; gap: .75rem; list-style: none; margin: 0; padding: 0 }
li { width: min(10rem, calc(50% - .375rem)); font-size: .8rem; overflow-wrap: anywhere }
li img, li .none { width: 100%; aspect-ratio: 1; object-fit: contain; background: #8882; border-radius: .4rem }
li .none { display: grid; place-items: center }
li b, li span { display: block } li span { opacity: .8 }
svg { width: 100%; height: auto; background: #8881; border-radius: .4rem }
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_quotes() {
        let name = "<script>\"&'\u{202e}gnp.\u{7}";
        assert_eq!(
            Escaped(name).to_string(),
            "&lt;script&gt;&quot;&amp;&#39;\u{fffd}gnp.\u{fffd}"
        );
        assert_eq!(Escaped("übung 😀.png").to_string(), "übung 😀.png");
    }
}
