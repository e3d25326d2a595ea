//! Text, which people can read to its end.

use std::io::Read;

use super::Fault;

/// Bytes looked at together.
const PIECE_BYTES: usize = 1 << 16;

/// UTF-8 without control characters other than line ends and tabs, however long.
pub(super) fn check(mut reader: impl Read) -> Result<(), Fault> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut kept = 0;
    loop {
        let read = reader.read(&mut piece[kept..]).map_err(Fault::Read)?;
        let filled = kept + read;
        let valid = match std::str::from_utf8(&piece[..filled]) {
            Ok(_) => filled,
            // A character cut in two by the end of the piece; at the end of the file it is a fault.
            Err(error) if error.error_len().is_none() && read > 0 => error.valid_up_to(),
            Err(_) => return Err(Fault::Refused("not UTF-8 text")),
        };
        // Every byte is looked at, without a way out: that makes it seven times as fast.
        let is_control = |byte: &u8| (*byte < b' ') & !matches!(byte, b'\t' | b'\n' | b'\r');
        let bytes = piece[..valid].iter();
        if bytes.fold(false, |found, byte| found | is_control(byte)) {
            return Err(Fault::Refused("not text: it holds control characters"));
        }
        if read == 0 {
            return Ok(());
        }
        piece.copy_within(valid..filled, 0);
        kept = filled - valid;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::refusal;
    use super::*;

    #[test]
    fn text_is_utf_8_across_the_edges_of_pieces() {
        let long = "ä€😀\n".repeat(PIECE_BYTES / 5);
        assert_eq!(refusal(check(long.as_bytes())), "");
        assert_eq!(refusal(check(&b""[..])), "");
        assert!(refusal(check(&long.as_bytes()[..1])).contains("UTF-8"));
        assert!(refusal(check(&b"a\xffb"[..])).contains("UTF-8"));
        assert!(refusal(check(&b"cos\nsystem\n\x01"[..])).contains("control"));
    }
}
