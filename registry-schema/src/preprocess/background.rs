//! Colours that pictures are laid over, or framed with.

use super::PreprocessError;

/// An opaque colour, written `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Background(pub [u8; 3]);

impl Default for Background {
    /// White, the paper under most transparent pictures.
    fn default() -> Self {
        Self([255; 3])
    }
}

impl std::fmt::Display for Background {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [r, g, b] = self.0;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

impl std::str::FromStr for Background {
    type Err = PreprocessError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || PreprocessError::Color {
            text: text.chars().take(32).collect(),
        };
        let digits = text.strip_prefix('#').ok_or_else(error)?;
        if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(error());
        }
        let channel = |i: usize| u8::from_str_radix(&digits[i..i + 2], 16).map_err(|_| error());
        Ok(Self([channel(0)?, channel(2)?, channel(4)?]))
    }
}

crate::text::serde_as_text!(Background, "A colour, `#rrggbb`", r"^#[0-9a-fA-F]{6}$");

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn colours_round_trip_and_bad_ones_are_refused() {
        let colour: Background = "#0a0BfF".parse().unwrap();
        assert_eq!(colour.to_string(), "#0a0bff");
        for bad in ["", "#fff", "ffffff", "#gggggg", "#ffffff0", "#é1234"] {
            assert!(bad.parse::<Background>().is_err(), "{bad}");
        }
    }
}
