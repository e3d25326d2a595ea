//! Text from outside, on its way to a terminal: nothing in it may steer one.

/// The styles that this program uses itself.
const STYLES: [&str; 7] = [
    "\x1b[0m",
    "\x1b[1m",
    "\x1b[2m",
    "\x1b[1;31m",
    "\x1b[1;33m",
    "\x1b[1;36m",
    "\x1b[1;32m",
];

/// The text with a replacement character for each control character other than line feed and tab, and
/// for those that change the direction of writing, so that what is read is what is there. A hub's words, a
/// file's name or the message of a parser that quotes what it found may hold them. With `has_styles` the
/// sequences of [`STYLES`] stay.
pub(crate) fn plain(text: &str, has_styles: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let style = STYLES
            .iter()
            .find(|style| has_styles && rest.starts_with(**style));
        if let Some(style) = style {
            shown.push_str(style);
            rest = &rest[style.len()..];
            continue;
        }
        shown.push(if steers(first) { '\u{fffd}' } else { first });
        rest = &rest[first.len_utf8()..];
    }
    shown
}

/// Control characters, and Unicode's of direction (UAX #9): marks, embeddings, overrides, isolates.
fn steers(c: char) -> bool {
    let changes_direction = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    changes_direction || (c.is_control() && !matches!(c, '\n' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_replaced() {
        for bad in [
            "\x1b[2J",
            "\x1b]0;x\x07",
            "\u{9b}2J",
            "a\rb",
            "\x08",
            "\x7f",
            "\u{202e}",
        ] {
            for has_styles in [false, true] {
                let shown = plain(bad, has_styles);
                assert!(shown.contains('\u{fffd}'), "{bad:?}: {shown:?}");
                assert!(!shown.chars().any(steers), "{bad:?}: {shown:?}");
            }
        }
        assert_eq!(plain("ä\t😀\n", true), "ä\t😀\n");
    }

    #[test]
    fn own_styles_stay_where_there_are_some() {
        assert_eq!(plain("\x1b[1mx\x1b[0m", true), "\x1b[1mx\x1b[0m");
        assert_eq!(plain("\x1b[1mx", false), "\u{fffd}[1mx");
        assert_eq!(plain("\x1b[8mx", true), "\u{fffd}[8mx");
    }
}
