//! The page's text: everything that comes from outside is escaped here.

use std::fmt::{self, Display};

/// Text as it may stand in HTML, also in an attribute in double quotes.
pub(super) struct Escaped<'a>(pub(super) &'a str);

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
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Up to the body. The policy forbids scripts and every request: the page is complete.
pub(super) const START: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<style>
:root { color-scheme: light dark; font: 16px/1.45 system-ui, sans-serif }
body { margin: 2rem auto; max-width: 80rem; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin: 2rem 0 .25rem }
p { margin: .25rem 0 .75rem }
ul { display: flex; flex-wrap: wrap; gap: .75rem; list-style: none; margin: 0; padding: 0 }
li { width: 10rem; font-size: .8rem; overflow-wrap: anywhere }
li img, li .none { width: 10rem; height: 10rem; object-fit: contain; background: #8882; border-radius: .4rem }
li .none { display: grid; place-items: center }
li b, li span { display: block } li span { opacity: .8 }
svg { width: 100%; height: auto; background: #8881; border-radius: .4rem }
</style>
"#;

/// After the body.
pub(super) const END: &str = "</body>\n</html>\n";

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
