//! PNG pictures, which are whole and nothing else.

use std::io::{self, Read};

use super::Fault;
use crate::limits;

/// A PNG (W3C PNG, third edition, section 5): signature, `IHDR` first with a size within limits,
/// whole chunks, `IEND` last and nothing after it, where another file could hide.
pub(super) fn check(mut reader: impl Read) -> Result<(), Fault> {
    let mut signature = [0; 8];
    read_exact(&mut reader, &mut signature)?;
    let mut is_first = true;
    loop {
        let mut head = [0; 8];
        read_exact(&mut reader, &mut head)?;
        let [a, b, c, d, kind @ ..] = head;
        let length = u64::from(u32::from_be_bytes([a, b, c, d]));
        if is_first != (&kind == b"IHDR") || (is_first && length != 13) {
            return Err(Fault::Refused("a PNG picture without a header"));
        }
        let mut body = reader.by_ref().take(length + 4);
        if is_first {
            let mut size = [0; 8];
            read_exact(&mut body, &mut size)?;
            let [a, b, c, d, e, f, g, h] = size;
            let width = u64::from(u32::from_be_bytes([a, b, c, d]));
            let height = u64::from(u32::from_be_bytes([e, f, g, h]));
            if !(1..=limits::IMAGE_PIXELS).contains(&(width.saturating_mul(height))) {
                return Err(Fault::Refused("a PNG picture of no or too many pixels"));
            }
        }
        io::copy(&mut body, &mut io::sink()).map_err(Fault::Read)?;
        if body.limit() > 0 {
            return Err(Fault::Refused("a truncated PNG picture"));
        }
        if &kind == b"IEND" {
            break;
        }
        is_first = false;
    }
    match reader.read(&mut [0]).map_err(Fault::Read)? {
        0 => Ok(()),
        _ => Err(Fault::Refused("a PNG picture with something after its end")),
    }
}

fn read_exact(reader: &mut impl Read, buffer: &mut [u8]) -> Result<(), Fault> {
    reader
        .read_exact(buffer)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Fault::Refused("a truncated PNG picture"),
            _ => Fault::Read(error),
        })
}

#[cfg(test)]
mod tests {
    use super::super::tests::refusal;
    use super::*;

    fn png(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        for (kind, body) in chunks {
            bytes.extend(u32::try_from(body.len()).unwrap_or(0).to_be_bytes());
            bytes.extend(*kind);
            bytes.extend(*body);
            bytes.extend([0; 4]);
        }
        bytes
    }

    #[test]
    fn pictures_are_whole_and_nothing_else() {
        let header = [0, 0, 0, 2, 0, 0, 0, 3, 8, 2, 0, 0, 0];
        let good = png(&[(b"IHDR", &header), (b"IDAT", b"xyz"), (b"IEND", b"")]);
        assert_eq!(refusal(check(&good[..])), "");
        for cut in 0..good.len() {
            assert!(refusal(check(&good[..cut])).contains("truncated"), "{cut}");
        }
        let mut followed = good.clone();
        followed.push(b'P');
        assert!(refusal(check(&followed[..])).contains("after"));
        let headless = png(&[(b"IDAT", b"xyz"), (b"IEND", b"")]);
        assert!(refusal(check(&headless[..])).contains("header"));
        let huge = [0xff; 13];
        assert!(refusal(check(&png(&[(b"IHDR", &huge)])[..])).contains("pixels"));
    }
}
